import socket
import subprocess
import sys
from pathlib import Path

import pytest

from backend.errors import SettingsError, TemporaryError
from tests.workers.conftest import S3_KEY, S3_SECRET, FileServer, S3Store
from workers.storage import NotFoundError
from workers.storage.s3 import S3Storage


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let botocore try again at once."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)


@pytest.fixture
def storage(s3: S3Store) -> S3Storage:
    return S3Storage.from_environment(s3.environment)


def environment(endpoint: str) -> dict[str, str]:
    keys = {"ACCESS_KEY_ID": S3_KEY, "SECRET_ACCESS_KEY": S3_SECRET}
    return keys | {"S3_ENDPOINT_URL": endpoint}


def error_document(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()


def test_what_is_uploaded_is_downloaded_and_listed(
    s3: S3Store, storage: S3Storage, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 9000
    (tmp_path / "model.ckpt").write_bytes(content)
    url = s3.url("out/train/1/a model@1?.ckpt")
    storage.upload(tmp_path / "model.ckpt", url)
    assert storage.download(url, tmp_path / "copy") == len(content)
    assert (tmp_path / "copy").read_bytes() == content
    assert storage.list(s3.url("out/train")) == storage.list(s3.url("out/train/")) == [url]
    assert storage.list(s3.url("")) == [url]


def test_a_folder_is_listed_whole_and_alone(s3: S3Store, storage: S3Storage) -> None:
    for key in ("train/1/a", "train/b", "training/1"):
        s3.put(key, b"")
    assert set(storage.list(s3.url("train"))) == {s3.url("train/1/a"), s3.url("train/b")}
    assert storage.list(s3.url("nothing")) == []


@pytest.mark.parametrize("url", ["s3://{bucket}/no/such", "s3://no-such-bucket/x"])
def test_a_missing_object_or_bucket_is_not_found(
    s3: S3Store, storage: S3Storage, tmp_path: Path, url: str
) -> None:
    url = url.format(bucket=s3.bucket)
    with pytest.raises(NotFoundError, match=f"{url}: there is no such object"):
        storage.download(url, tmp_path / "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["s3://", "s3://bucket", "s3://bucket/", "s3:///key"])
def test_a_url_without_bucket_or_key_is_refused(
    storage: S3Storage, tmp_path: Path, url: str
) -> None:
    with pytest.raises(SettingsError, match="does not name an object"):
        storage.download(url, tmp_path / "x")


def test_a_name_that_is_no_buckets_is_refused(storage: S3Storage, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not the name of an object"):
        storage.download("s3://a bucket/x", tmp_path / "x")


def test_a_refusal_names_the_variables_and_no_secret(
    file_server: FileServer, tmp_path: Path
) -> None:
    file_server.files["/bucket/x"] = (403, error_document("InvalidAccessKeyId"))
    with pytest.raises(SettingsError, match=r"s3://bucket/x: .*InvalidAccessKeyId") as raised:
        S3Storage.from_environment(environment(file_server.url)).download(
            "s3://bucket/x", tmp_path / "x"
        )
    assert "check S3_ENDPOINT_URL, ACCESS_KEY_ID and SECRET_ACCESS_KEY" in str(raised.value)
    assert S3_KEY not in str(raised.value)
    assert S3_SECRET not in str(raised.value)


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (500, "InternalError")])
def test_what_may_pass_is_tried_again_and_then_temporary(
    file_server: FileServer, tmp_path: Path, status: int, code: str
) -> None:
    file_server.files["/bucket/x"] = (status, error_document(code))
    with pytest.raises(TemporaryError, match=rf"s3://bucket/x: S3 answers {code}"):
        S3Storage.from_environment(environment(file_server.url)).download(
            "s3://bucket/x", tmp_path / "x"
        )
    assert len(file_server.authorizations) == 4


def test_a_store_that_is_away_is_temporary(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    storage = S3Storage.from_environment(environment(f"http://127.0.0.1:{port}"))
    with pytest.raises(TemporaryError, match="s3://bucket/x: S3 cannot be reached now"):
        storage.upload(Path(__file__), "s3://bucket/x")


def test_a_body_that_breaks_off_leaves_no_file(file_server: FileServer, tmp_path: Path) -> None:
    file_server.files["/bucket/x"] = (200, b"0123456789")
    file_server.cut_at = 4
    with pytest.raises(TemporaryError):
        S3Storage.from_environment(environment(file_server.url)).download(
            "s3://bucket/x", tmp_path / "x"
        )
    assert not list(tmp_path.iterdir())


def test_without_keys_nothing_is_signed(file_server: FileServer, tmp_path: Path) -> None:
    file_server.files["/bucket/x"] = (200, b"public")
    S3Storage.from_environment({"S3_ENDPOINT_URL": file_server.url}).download(
        "s3://bucket/x", tmp_path / "x"
    )
    assert file_server.authorizations == [None]


@pytest.mark.parametrize("missing", ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY"])
def test_half_a_credential_is_refused(missing: str) -> None:
    variables = environment("http://host")
    del variables[missing]
    with pytest.raises(SettingsError, match=f"{missing} is not set"):
        S3Storage.from_environment(variables)


def test_an_endpoint_that_is_no_url_is_refused() -> None:
    with pytest.raises(SettingsError, match="S3_ENDPOINT_URL: is not a URL"):
        S3Storage.from_environment(environment("http://a host:x"))


def test_the_client_is_imported_only_when_it_is_used() -> None:
    code = (
        "import sys, workers.train.training, workers.eval.evaluation, workers.storage;"
        "print('boto3' in sys.modules or 'botocore' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_bucket_of_another_region_is_named_as_such(
    file_server: FileServer, tmp_path: Path
) -> None:
    document = b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>"
    file_server.files["/bucket/x"] = (400, document)
    with pytest.raises(SettingsError, match=r"another region .*AWS_DEFAULT_REGION to eu-west-1"):
        S3Storage.from_environment(environment(file_server.url)).download(
            "s3://bucket/x", tmp_path / "x"
        )


def test_a_listing_has_an_end(
    s3: S3Store, storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.storage.s3._LONGEST_LISTING", 3)
    for number in range(4):
        s3.put(f"train/{number}", b"")
    with pytest.raises(SettingsError, match="contains more than 3 objects"):
        storage.list(s3.url("train"))
