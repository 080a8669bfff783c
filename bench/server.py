"""A server of the Open Inference Protocol, in a process of its own."""

import http.client
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.measure import ROOT, SubjectError

__all__ = ["MODEL_NAME", "Server", "free_ports", "serving"]

MODEL_NAME = "bench"
"""What a server that is measured calls its model."""

_MODEL_PATH = f"/v2/models/{MODEL_NAME}"
_PATIENCE_SECONDS = 60


class Server(NamedTuple):
    """A running server."""

    model_url: str
    """Of the Open Inference Protocol."""
    url: str
    pid: int


@contextmanager
def serving(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    port: int,
    ready: str = f"{_MODEL_PATH}/ready",
) -> Iterator[Server]:
    """Run a server in ``folder`` until the block ends, which begins when ``ready`` answers.

    Raises SubjectError, with the end of its log, if it ends before that or takes over a minute.
    """
    log, env = folder / "log", {**environment, "PYTHONPATH": str(ROOT)}
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=folder, env=env, stdout=output, stderr=output) as process,
    ):
        try:
            end = time.monotonic() + _PATIENCE_SECONDS
            while not _is_ready(port, ready):
                if process.poll() is not None or time.monotonic() > end:
                    last = log.read_text()[-500:].strip()
                    raise SubjectError(f"the server does not start: {last}")
                time.sleep(0.2)
            url = f"http://127.0.0.1:{port}"
            yield Server(f"{url}{_MODEL_PATH}", url, process.pid)
        finally:
            process.terminate()


def free_ports(count: int) -> list[int]:
    """Return so many unused ports of this machine."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _is_ready(port: int, path: str) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
