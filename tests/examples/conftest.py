"""What the examples run against: an LC that keeps what it is told, and digits."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.sedna_sdk import REPOSITORY

EXAMPLES = REPOSITORY / "examples"


@dataclass
class Reports:
    """A LocalController that takes every worker's report."""

    url: str
    messages: Queue[dict[str, Any]] = field(default_factory=Queue)

    def next(self, kind: str) -> dict[str, Any]:
        """Return the next report of a kind of job."""
        message = self.messages.get(timeout=300)
        assert message["ownerKind"] == kind
        return message


@pytest.fixture
def reports() -> Iterator[Reports]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.messages.put(json.loads(body))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        taken = Reports(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield taken
        server.shutdown()


@dataclass
class Workers:
    """Runs an example's scripts as a cluster would, each as a process."""

    folder: Path
    environment: dict[str, str]

    def start(self, script: str, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        """Start a script of ``examples``, with variables of its own."""
        command = [sys.executable, str(EXAMPLES / script), *arguments]
        with (self.folder / "errors.txt").open("a") as errors:
            return subprocess.Popen(
                command,
                env={**self.environment, **variables},
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                bufsize=1,
            )

    def run(self, script: str, *arguments: str, **variables: str) -> None:
        """Run a script to its end."""
        self.finish(self.start(script, *arguments, **variables))

    def finish(self, worker: "subprocess.Popen[str]") -> None:
        """Wait until a worker has ended, which must be well."""
        worker.communicate()
        assert worker.returncode == 0, (self.folder / "errors.txt").read_text()

    @contextmanager
    def serving(self, command: list[str], port: int, **variables: str) -> Iterator[None]:
        """Run a server until the block ends, from when its port is open."""
        environment = {**self.environment, **variables}
        with (self.folder / "server.txt").open("a") as log:
            server = subprocess.Popen(
                [sys.executable, *command], env=environment, cwd=self.folder, stdout=log, stderr=log
            )
        try:
            wait_for(port, server, self.folder / "server.txt")
            yield
        finally:
            server.kill()
            server.wait()


@pytest.fixture
def workers(tmp_path: Path, reports: Reports) -> Workers:
    variables = {
        "PYTHONPATH": f"{REPOSITORY}:{os.environ.get('PYTHONPATH', '')}",
        "BACKEND_TYPE": "TINYMS",
        "NAMESPACE": "default",
        "WORKER_NAME": "worker",
        "DATA_PATH_PREFIX": str(tmp_path / "none"),
        "LC_SERVER": reports.url,
        "LC_PERIOD": "1",
    }
    without: Mapping[str, str] = {k: v for k, v in os.environ.items() if k != "JOB_NAME"}
    return Workers(tmp_path, {**without, **variables})


def wait_for(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until a server listens; fail with its log if it ends before."""
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            threading.Event().wait(0.1)
        else:
            return
    pytest.fail(log.read_text())


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class Digits:
    """Handwritten digits, in an order of their own."""

    pixels: NDArray[np.float64]
    """(N, 64), 0 to 16."""
    labels: NDArray[np.int64]
    """(N,)."""


@pytest.fixture(scope="session")
def digits() -> Digits:
    """Scikit-learn's 1797 handwritten digits (UCI, Alpaydin and Kaynak 1998), shuffled."""
    from sklearn.datasets import load_digits  # noqa: PLC0415

    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    return Digits(pixels[order], labels[order])
