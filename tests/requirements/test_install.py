"""Environments are made with the real pip, from an index on this machine."""

import hashlib
import os
import pty
import signal
import ssl
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.faults.disks import SmallDisk
from tests.workers.clean.test_pods import write_certificate

SCRIPT = Path(__file__).parents[2] / "requirements" / "install.py"
WHEEL = "sample-1.0-py3-none-any.whl"
LARGE = 12_000_000


def make_wheel(size: int = 0) -> bytes:
    """Return a wheel with the module ``sample``, and ``size`` random bytes."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as wheel:
        wheel.writestr("sample.py", "ANSWER = 42\n")
        wheel.writestr("sample.bin", os.urandom(size))
        wheel.writestr("sample-1.0.dist-info/METADATA", "Name: sample\nVersion: 1.0\n")
        wheel.writestr("sample-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("sample-1.0.dist-info/RECORD", "")
    return content.getvalue()


class Index(ThreadingHTTPServer):
    """A package index with one package; as a proxy it refuses."""

    daemon_threads = True
    wheel = b""
    asked = Event()
    stalls = False
    """Whether the wheel's bytes never come."""

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        is_wheel = self.path.endswith(".whl")
        body = self.server.wheel if is_wheel else f'<a href="/{WHEEL}">{WHEEL}</a>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/zip" if is_wheel else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if is_wheel and self.server.stalls:
            self.server.asked.set()
            self.rfile.read(1)
        else:
            self.wfile.write(body)

    def do_CONNECT(self) -> None:
        self.send_error(407, "Proxy Authentication Required")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(wheel: bytes = b"", certificate: Path | None = None) -> Iterator[Index]:
    with Index(("127.0.0.1", 0), Handler) as server:
        server.wheel = wheel
        server.asked = Event()
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate / "ca.crt", certificate / "key.pem")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class Installation:
    """An environment over this one, from a lock file with one package."""

    def __init__(self, folder: Path, over: Path = Path(sys.prefix)) -> None:
        self.folder = folder
        self.over = over
        self.environment = folder / "venv"
        self.python = self.environment / "bin" / "python"
        self.lock = folder / "lock.txt"
        self.write_lock(b"")

    def write_lock(self, wheel: bytes) -> None:
        digest = hashlib.sha256(wheel).hexdigest()
        self.lock.write_text(f"sample==1.0 \\\n    --hash=sha256:{digest}\n")

    @property
    def command(self) -> list[str]:
        options = [str(self.environment), str(self.lock), "--over", str(self.over)]
        return [sys.executable, str(SCRIPT), *options]

    def variables(self, url: str, **variables: str) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if not _configures(name)}
        pip = {"PIP_INDEX_URL": url, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}
        return {**kept, **pip, "TMPDIR": str(self.folder), **variables}

    def run(self, url: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command,
            env=self.variables(url, **variables),
            capture_output=True,
            text=True,
            check=False,
        )


def _configures(name: str) -> bool:
    """Whether this variable tells pip where packages come from."""
    return name.startswith("PIP_") or name.lower().endswith("_proxy") or "SSL_CERT" in name


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def assert_told(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1, done.stdout
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("make: ")
    for word in words:
        assert word in sentence


def test_an_environment_has_its_packages_and_those_beneath(installation: Installation) -> None:
    wheel = make_wheel()
    installation.write_lock(wheel)
    with serving(wheel) as index:
        done = installation.run(f"http://{index.url}/simple")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("make: venv: installing 1 packages\n")
    script = "import sample, pytest; print(sample.ANSWER, sample.__file__)"
    used = subprocess.run([installation.python, "-c", script], capture_output=True, check=True)
    answer, path = used.stdout.split()
    assert answer == b"42"
    assert Path(os.fsdecode(path)).is_relative_to(installation.environment)


def test_a_package_that_the_environment_beneath_has_is_installed_again(
    installation: Installation, tmp_path: Path
) -> None:
    wheel = make_wheel()
    (tmp_path / "above").mkdir()
    above = Installation(tmp_path / "above", over=installation.environment)
    with serving(wheel) as index:
        for each in (installation, above):
            each.write_lock(wheel)
            assert each.run(f"http://{index.url}/simple").returncode == 0
    script = "import sample; print(sample.__file__)"
    used = subprocess.run([above.python, "-c", script], capture_output=True, check=True, text=True)
    assert Path(used.stdout).is_relative_to(above.environment)


def test_a_terminal_sees_how_far_a_large_download_is(installation: Installation) -> None:
    wheel = make_wheel(LARGE)
    installation.write_lock(wheel)
    ours, theirs = pty.openpty()
    with serving(wheel) as index:
        done = subprocess.run(
            installation.command,
            env=installation.variables(f"http://{index.url}/simple"),
            stdout=theirs,
            check=True,
        )
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0
    assert "1 of 1: sample, 12 of 12 MB" in shown
    assert "unpacking" in shown


def test_a_missing_network_is_told(installation: Installation) -> None:
    with serving() as index:
        port = index.url
    assert_told(installation.run(f"http://{port}/simple"), "cannot be reached", "https_proxy")


def test_an_untrusted_certificate_is_told(installation: Installation, tmp_path: Path) -> None:
    write_certificate(tmp_path)
    with serving(certificate=tmp_path) as index:
        done = installation.run(f"https://{index.url}/simple")
    assert_told(done, "certificate is not trusted", "PIP_CERT=")


def test_a_proxy_that_refuses_is_told(installation: Installation) -> None:
    with serving() as proxy:
        done = installation.run("https://index.example/simple", https_proxy=f"http://{proxy.url}")
    assert_told(done, "proxy", "https_proxy")


def test_another_file_than_the_locked_one_is_told(installation: Installation) -> None:
    with serving(make_wheel()) as index:
        done = installation.run(f"http://{index.url}/simple")
    assert_told(done, "not the one that the lock file names")


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    wheel = make_wheel(LARGE)
    with SmallDisk.mounted(tmp_path / "disk") as disk, serving(wheel) as index:
        installation = Installation(disk.folder)
        installation.write_lock(wheel)
        done = installation.run(f"http://{index.url}/simple")
    assert_told(done, "the disk is full", str(disk.folder))


def test_what_pip_says_is_told_where_nothing_else_is_known(installation: Installation) -> None:
    installation.lock.write_text("no such requirement\n")
    assert_told(installation.run("http://127.0.0.1/simple"), "pip could not fill", "requirement")


def test_an_interruption_tells_how_to_continue(installation: Installation) -> None:
    wheel = make_wheel()
    installation.write_lock(wheel)
    with serving(wheel) as index:
        index.stalls = True
        with subprocess.Popen(
            installation.command,
            env=installation.variables(f"http://{index.url}/simple"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            assert index.asked.wait(60)
            os.killpg(process.pid, signal.SIGINT)
            _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert told.strip() == "make: stopped: the same command continues and downloads nothing twice"
