"""MLServer under the same load as the inference worker."""

import http.client
import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.answering import answer
from bench.dataset import INPUT_SIZE
from bench.errors import SubjectError
from bench.machine import PEERS_PYTHON
from bench.serving import measure_server

_ROOT = Path(__file__).parents[2]
_PATIENCE_SECONDS = 60
_MODEL = {
    "name": "bench",
    "implementation": "bench.peers.mlserver_runtime.OnnxModel",
    "max_batch_size": 8,
    "max_batch_time": 0.002,
}


def run(model: str, seconds: float) -> Mapping[str, float]:
    """Return p50 of one client, ms, and images per second of eight."""
    with tempfile.TemporaryDirectory() as folder, _mlserver(Path(folder), model) as port:
        url = f"http://127.0.0.1:{port}/v2/models/bench"
        p50, rate, load = measure_server(url, INPUT_SIZE, "json", seconds)
    if load.failed:
        raise SubjectError(f"MLServer refused {load.failed} requests.")
    return {"p50_ms": p50, "images_per_second": rate}


@contextmanager
def _mlserver(folder: Path, model: str) -> Iterator[int]:
    port, *others = _free_ports(3)
    settings = {
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": others[0],
        "metrics_port": others[1],
        "parallel_workers": 0,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(
        json.dumps({**_MODEL, "parameters": {"uri": model}})
    )
    command = [str(PEERS_PYTHON.parent / "mlserver"), "start", str(folder)]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            command, cwd=folder, env={"PYTHONPATH": str(_ROOT)}, stderr=log, stdout=log
        ) as server,
    ):
        try:
            _wait_until_ready(port, server, folder / "log")
            yield port
        finally:
            server.terminate()


def _wait_until_ready(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not _is_ready(port):
        if server.poll() is not None or time.monotonic() > end:
            raise SubjectError(f"MLServer does not start: {log.read_text()[-500:]}")
        time.sleep(0.2)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", "/v2/models/bench/ready")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


if __name__ == "__main__":
    answer(run)
