"""HTTPS, by a certificate and its key."""

import ssl
import subprocess
from pathlib import Path
from threading import Event

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from backend.errors import SettingsError
from workers.http.server import listen, serving


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "1", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(tmp_path / "tls.key"), "-out", str(tmp_path / "tls.crt")]
    subprocess.run(command, check=True, capture_output=True)
    return tmp_path / "tls.crt"


def test_with_a_certificate_only_https_is_answered(certificate: Path) -> None:
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("done"))])
    listener = listen("127.0.0.1", 0)
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    key = certificate.with_name("tls.key")
    trusted = ssl.create_default_context(cafile=certificate)
    with serving(app, listener, stop=Event(), grace_seconds=1, certificate=certificate, key=key):
        assert httpx.get(f"https://{address}", verify=trusted).text == "done"
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://{address}")


@pytest.mark.parametrize("is_there", [True, False])
def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path, is_there: bool) -> None:
    if is_there:
        (tmp_path / "tls.crt").write_text("no certificate")
    listener = listen("127.0.0.1", 0)
    files = {"certificate": tmp_path / "tls.crt", "key": tmp_path / "tls.key"}
    with (
        pytest.raises(SettingsError, match=r"http_certificate=.*tls\.crt"),
        serving(Starlette(), listener, stop=Event(), grace_seconds=1, **files),
    ):
        pass
