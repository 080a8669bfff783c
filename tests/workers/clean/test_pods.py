import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from backend.errors import SettingsError, TemporaryError
from workers.__main__ import main
from workers.clean.pods import clean
from workers.clean.settings import CleanSettings

PODS = "/api/v1/namespaces/farm/pods"
NOW = datetime.now(UTC)


class ApiServer(ThreadingHTTPServer):
    """An API server with pods that have ended."""

    pods: dict[str, datetime | None]
    status = 200
    queries: list[dict[str, list[str]]]
    tokens: set[str | None]


class Handler(BaseHTTPRequestHandler):
    server: ApiServer

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        assert url.path == PODS
        self.server.queries.append(parse_qs(url.query))
        self.server.tokens.add(self.headers["Authorization"])
        items = [pod(name, ended) for name, ended in self.server.pods.items()]
        self.answer(self.server.status, {"items": items})

    def do_DELETE(self) -> None:
        name = self.path.removeprefix(f"{PODS}/")
        is_there = self.server.pods.pop(name, NOW) is not NOW
        self.answer(200 if is_there else 404, {})

    def answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def pod(name: str, ended: datetime | None) -> dict[str, Any]:
    states = [{"state": {"terminated": {"finishedAt": ended.isoformat()}}}] if ended else []
    made = (NOW - timedelta(hours=1)).isoformat()
    return {
        "metadata": {"name": name, "creationTimestamp": made},
        "status": {"phase": "Succeeded", "containerStatuses": states},
    }


def write_certificate(folder: Path) -> None:
    """Write ``ca.crt``, which 127.0.0.1 may show, and ``key.pem``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cluster")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(hours=1))
        .not_valid_after(NOW + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.crt").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """A service account as the kubelet mounts it."""
    write_certificate(tmp_path)
    (tmp_path / "namespace").write_text("farm")
    (tmp_path / "token").write_text("secret-token\n")
    return tmp_path


@pytest.fixture
def server(account: Path) -> Iterator[ApiServer]:
    server = ApiServer(("127.0.0.1", 0), Handler)
    server.pods, server.queries, server.tokens = {}, [], set()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(account / "ca.crt", account / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def settings(account: Path, server: ApiServer) -> CleanSettings:
    return CleanSettings.from_environment(
        {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(server.server_port),
            "account": str(account),
        }
    )


def test_pods_that_ended_a_while_ago_are_deleted(account: Path, server: ApiServer) -> None:
    now = datetime.now(UTC)
    old, new = now - timedelta(hours=1), now + timedelta(hours=1)
    server.pods = {"dogs-train-a": old, "dogs-eval-b": new, "evicted": None}
    clean(settings(account, server))
    assert list(server.pods) == ["dogs-eval-b"]


def test_only_train_and_eval_pods_that_have_ended_are_asked_for(
    account: Path, server: ApiServer
) -> None:
    clean(settings(account, server))
    [query] = server.queries
    assert query["labelSelector"] == ["incrementallearningjob.sedna.io/worker-type in (train,eval)"]
    [phases] = query["fieldSelector"]
    assert phases == "status.phase!=Pending,status.phase!=Running,status.phase!=Unknown"
    assert server.tokens == {"Bearer secret-token"}


@pytest.mark.parametrize(
    ("status", "error"), [(403, SettingsError), (429, TemporaryError), (500, TemporaryError)]
)
def test_a_refusal_is_told(
    account: Path, server: ApiServer, status: int, error: type[Exception]
) -> None:
    server.status = status
    with pytest.raises(error, match=f"with status {status}"):
        clean(settings(account, server))


def test_a_server_with_another_certificate_is_not_trusted(account: Path, server: ApiServer) -> None:
    write_certificate(account)
    with pytest.raises(TemporaryError, match=f"{PODS}: the API server does not answer"):
        clean(settings(account, server))
    assert server.queries == []


def test_outside_of_a_pod_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"HOST": "127.0.0.1", "PORT": "1"}.items():
        monkeypatch.setenv(f"KUBERNETES_SERVICE_{name}", value)
    monkeypatch.setenv("account", str(tmp_path))
    assert main(["clean"]) == 2
    assert "namespace: cannot be read" in capsys.readouterr().err
