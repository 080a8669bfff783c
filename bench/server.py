"""A server of the Open Inference Protocol, in a process of its own."""

import http.client
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from bench.errors import SubjectError

__all__ = ["MODEL_NAME", "free_ports", "model_url", "serving"]

MODEL_NAME = "bench"
"""What a server that is measured calls its model."""

_ROOT = Path(__file__).parent.parent
_PATIENCE_SECONDS = 60
_PAUSE_SECONDS = 0.2


def model_url(port: int) -> str:
    """Return the model's URL on a server of this machine."""
    return f"http://127.0.0.1:{port}/v2/models/{MODEL_NAME}"


@contextmanager
def serving(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, port: int
) -> Iterator[int]:
    """Run a server in ``folder`` until the block ends; yield its process id when it is ready.

    Raises SubjectError, with the end of its log, if it ends before that or takes over a minute.
    """
    log = folder / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            cwd=folder,
            env={**environment, "PYTHONPATH": str(_ROOT)},
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            _wait_until_ready(port, process, log)
            yield process.pid
        finally:
            process.terminate()


def free_ports(count: int) -> list[int]:
    """Return so many ports of this machine that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not _is_ready(port):
        if process.poll() is not None or time.monotonic() > end:
            raise SubjectError(f"the server does not start: {log.read_text()[-500:].strip()}")
        time.sleep(_PAUSE_SECONDS)


def _is_ready(port: int) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        try:
            connection.request("GET", f"/v2/models/{MODEL_NAME}/ready")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
