import socket
from pathlib import Path

import pytest

from backend.errors import SettingsError, TemporaryError
from tests.workers.conftest import FileServer
from workers.storage import NotFoundError
from workers.storage.http import HttpStorage


def test_a_file_is_downloaded_and_its_size_told(file_server: FileServer, tmp_path: Path) -> None:
    file_server.files["/models/m.onnx?v=2"] = (200, b"a model")
    target = tmp_path / "new" / "m.onnx"
    assert (
        HttpStorage.from_environment({}).download(f"{file_server.url}/models/m.onnx?v=2", target)
        == 7
    )
    assert target.read_bytes() == b"a model"
    assert [path.name for path in target.parent.iterdir()] == ["m.onnx"]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_what_may_pass_is_temporary(file_server: FileServer, tmp_path: Path, status: int) -> None:
    file_server.files["/x"] = (status, b"")
    with pytest.raises(TemporaryError, match=rf"{file_server.url}/x: .*status {status}"):
        HttpStorage.from_environment({}).download(f"{file_server.url}/x", tmp_path / "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("status", [404, 410])
def test_a_missing_file_is_not_found(file_server: FileServer, tmp_path: Path, status: int) -> None:
    file_server.files["/x"] = (status, b"")
    with pytest.raises(NotFoundError, match=f"status {status}"):
        HttpStorage.from_environment({}).download(f"{file_server.url}/x", tmp_path / "x")


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_is_permanent_and_shows_no_secret(
    file_server: FileServer, tmp_path: Path, status: int
) -> None:
    file_server.files["/x?signature=abc"] = (status, b"")
    url = f"{file_server.url}/x?signature=abc".replace("://", "://user:word@")
    with pytest.raises(SettingsError, match=rf"/x\?\.\.\.: .*status {status}") as raised:
        HttpStorage.from_environment({}).download(url, tmp_path / "x")
    assert file_server.authorizations[0] is not None
    assert not any(secret in str(raised.value) for secret in ("abc", "user", "word"))


def test_a_body_that_breaks_off_leaves_no_file(file_server: FileServer, tmp_path: Path) -> None:
    file_server.files["/x"] = (200, b"0123456789")
    file_server.cut_at = 4
    with pytest.raises(TemporaryError, match="RemoteProtocolError"):
        HttpStorage.from_environment({}).download(f"{file_server.url}/x", tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_a_server_that_is_away_is_temporary(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(TemporaryError, match="ConnectError"):
        HttpStorage.from_environment({}).download(f"http://127.0.0.1:{port}/x", tmp_path / "x")


def test_nothing_is_written_over_http() -> None:
    for call in (
        lambda: HttpStorage.from_environment({}).upload(Path("x"), "http://host/x"),
        lambda: HttpStorage.from_environment({}).list("http://host/x"),
    ):
        with pytest.raises(SettingsError, match="for reading only"):
            call()


def test_a_body_that_grows_over_the_limit_is_refused_after_decompression(
    file_server: FileServer, tmp_path: Path
) -> None:
    file_server.files["/x"] = (200, bytes(2 * 1024**2))
    limited = HttpStorage.from_environment({"download_limit_mib": "1"})
    with pytest.raises(SettingsError, match=r"/x: is larger than download_limit_mib=1"):
        limited.download(f"{file_server.url}/x", tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_downloads_go_through_the_proxy_of_the_environment(
    file_server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", file_server.url)
    file_server.files["http://models.example.org/m.onnx"] = (200, b"through the proxy")
    storage = HttpStorage.from_environment({})
    assert storage.download("http://models.example.org/m.onnx", tmp_path / "m.onnx") == 17
