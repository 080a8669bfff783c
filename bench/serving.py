"""The inference worker over HTTP against the bare ONNX Runtime session, in one run.

    python -m bench.serving model.onnx --input-size 224 --seconds 20 [--repeats 3] [--json FILE]
    python -m bench.serving model.onnx --peer http://127.0.0.1:8080/v2/models/x
    python -m bench.serving model.onnx --other other.onnx --updates 20
    python -m bench.serving model.onnx --requests 100000

The table has medians of the repeats, in which all sides are measured in turn. Updates swap the
two models under load; requests are those between two looks at the worker's memory.

A peer is any server of the Open Inference Protocol that serves the same model, with an FP32
input named ``input``; it is measured in the same way, with ``--form json`` if it does not know
the binary extension. Clients are processes of their own on the same machine, so that they take
their share of its cores.
"""

import argparse
import contextlib
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import onnxruntime
import psutil
from numpy.typing import NDArray

_CLIENTS = 8
_LATENCY_REQUESTS = 300
_WARM_UP = 20
_BATCHES = (1, 2, 4, 8, 16)


Figures = dict[str, float]
"""``p50_ms`` of one client and ``images_per_second`` of eight."""


@dataclass
class Load:
    """What one client saw."""

    answered: int = 0
    failed: int = 0
    versions: set[str] = field(default_factory=set)


class Client:
    """Sends one tensor again and again over one connection."""

    def __init__(self, model_url: str, side: int, form: str) -> None:
        """Connect to a model, and prepare a request of one image, ``binary`` or ``json``."""
        parts = urlsplit(model_url)
        self._path = f"{parts.path}/infer"
        self._connection = http.client.HTTPConnection(parts.netloc)
        values = _input(side, 1)
        data = values.tobytes() if form == "binary" else b""
        tensor: dict[str, object] = {"name": "input", "datatype": "FP32", "shape": values.shape}
        if data:
            tensor["parameters"] = {"binary_data_size": len(data)}
        else:
            tensor["data"] = values.ravel().tolist()
        head = json.dumps({"inputs": [tensor], "outputs": [{"name": "probabilities"}]}).encode()
        self._body = head + data
        self._headers = {"Content-Type": "application/json"}
        if data:
            self._headers = {"Inference-Header-Content-Length": str(len(head))}

    def ask(self) -> str | None:
        """Return the version that answered, or None for another answer than a result."""
        self._connection.request("POST", self._path, self._body, self._headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status != http.client.OK:
            return None
        return str(json.loads(content).get("model_version"))

    def latencies(self, count: int) -> list[float]:
        """Return the seconds of so many requests, after a warm-up."""
        for _ in range(_WARM_UP):
            self.ask()
        return [_timed(self.ask) for _ in range(count)]


def put_under_load(model_url: str, side: int, form: str, seconds: float) -> Load:
    """Ask for so long and count the answers."""
    client, load = Client(model_url, side, form), Load()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        version = client.ask()
        load.answered += version is not None
        load.failed += version is None
        load.versions |= {version} if version else set()
    return load


def ask_often(model_url: str, side: int, form: str, count: int) -> int:
    """Ask so many times and return how many requests failed."""
    client = Client(model_url, side, form)
    return sum(client.ask() is None for _ in range(count))


def measure_server(
    model_url: str, side: int, form: str, seconds: float
) -> tuple[float, float, Load]:
    """Return p50 (ms) of one client, images per second of eight, and what the eight saw."""
    latency = statistics.median(Client(model_url, side, form).latencies(_LATENCY_REQUESTS)) * 1000
    load = load_of_all(model_url, side, form, seconds)
    return latency, load.answered / seconds, load


def load_of_all(model_url: str, side: int, form: str, seconds: float) -> Load:
    """Let eight clients ask for so long and return what they saw together."""
    with ProcessPoolExecutor(_CLIENTS) as pool:
        futures = [
            pool.submit(put_under_load, model_url, side, form, seconds) for _ in range(_CLIENTS)
        ]
        loads = [future.result() for future in futures]
    return Load(
        answered=sum(load.answered for load in loads),
        failed=sum(load.failed for load in loads),
        versions=set().union(*(load.versions for load in loads)),
    )


def measure_session(model: Path, side: int, seconds: float) -> tuple[float, float]:
    """Return p50 (ms) at batch 1 and the most images per second at any batch."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    rates = []
    for count in _BATCHES:
        run = partial(session.run, None, {name: _input(side, count)})
        run()
        rates.append(_rate(run, seconds) * count)
    run_one = partial(session.run, None, {name: _input(side, 1)})
    times = [_timed(run_one) for _ in range(_LATENCY_REQUESTS)]
    return statistics.median(times) * 1000, max(rates)


@contextlib.contextmanager
def worker(model: Path, side: int, folder: Path, lc_url: str) -> Iterator[tuple[str, int]]:
    """Run the inference worker; yield its model's URL and its process id."""
    environment = {
        "PATH": os.environ["PATH"],
        "JOB_NAME": "bench",
        "WORKER_NAME": "bench",
        "LC_SERVER": lc_url,
        "report_margin_seconds": "0",
        "MODEL_URL": str(model),
        "class_names": "croissant,dog",
        "input_shape": str(side),
        "http_port": "0",
        "MODEL_HOT_UPDATE": "true",
        "MODEL_HOT_UPDATE_CONFIG": str(folder / "model_config.json"),
    }
    command = [sys.executable, "-m", "workers", "infer"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr  # noqa: S101
        found = (re.search(r"listening on (\S+)", line) for line in process.stderr)
        url = next(filter(None, found))[1]
        threading.Thread(target=process.stderr.read, daemon=True).start()
        _wait_until_ready(url)
        yield f"{url}/v2/models/bench", process.pid
        process.terminate()


def update_often(models: list[Path], folder: Path, count: int, seconds: float) -> None:
    """Tell the worker of a new model so many times, as the LocalController does."""
    for number in range(count):
        path = str(models[number % len(models)])
        config = {"model_config": {"model_path": path, "model_update_time": str(number)}}
        (folder / "model_config.json").write_text(json.dumps(config))
        time.sleep(seconds / count)


@contextlib.contextmanager
def local_controller() -> Iterator[tuple[str, list[str]]]:
    """Take reports; yield the URL and the statuses that came."""
    statuses: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            statuses.append(body["status"])
            answer = b'{"Status": 200, "Message": "OK"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", statuses
        server.shutdown()


def main() -> None:
    """Measure and print a table, and what was seen under updates and many requests."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as name, local_controller() as (lc_url, statuses):
        folder = Path(name)
        with worker(arguments.model, arguments.input_size, folder, lc_url) as (url, pid):
            table = _compared(arguments, url)
            sys.stdout.write(_markdown(table))
            seen: dict[str, object] = {"sides": table}
            if arguments.updates:
                seen["updates"] = _updated(arguments, url, folder, statuses)
            if arguments.requests:
                seen["memory"] = _memory_used(arguments, url, pid)
    for name in ("updates", "memory"):
        if name in seen:
            sys.stdout.write(f"\n{name}: {seen[name]}\n")
    if arguments.json:
        arguments.json.write_text(json.dumps(seen, indent=2) + "\n")


def _compared(arguments: argparse.Namespace, url: str) -> dict[str, Figures]:
    side, form, seconds = arguments.input_size, arguments.form, arguments.seconds
    servers = {"this worker": url} | ({"peer": arguments.peer} if arguments.peer else {})
    rounds: dict[str, list[tuple[float, float]]] = {}
    for _ in range(arguments.repeats):
        bare = measure_session(arguments.model, side, seconds / len(_BATCHES))
        rounds.setdefault("bare session", []).append(bare)
        for name, model_url in servers.items():
            latency, rate, load = measure_server(model_url, side, form, seconds)
            if load.failed:
                raise SystemExit(f"{name}: {load.failed} requests of the load failed.")
            rounds.setdefault(name, []).append((latency, rate))
    return {name: _figures(each) for name, each in rounds.items()}


def _figures(rounds: list[tuple[float, float]]) -> Figures:
    latencies, rates = zip(*rounds, strict=True)
    return {"p50_ms": statistics.median(latencies), "images_per_second": statistics.median(rates)}


def _markdown(table: dict[str, Figures]) -> str:
    bare = table["bare session"]
    lines = [f"| | p50, ms, one client | images/s, {_CLIENTS} clients |", "|---|---|---|"]
    for name, figures in table.items():
        cells = [f"{value:.2f} ({value / bare[key]:.2f}x)" for key, value in figures.items()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _updated(
    arguments: argparse.Namespace, url: str, folder: Path, statuses: list[str]
) -> dict[str, object]:
    """Change the model under load; tell what the clients saw."""
    models = [arguments.other or arguments.model, arguments.model]
    details = (models, folder, arguments.updates, arguments.seconds)
    updating = threading.Thread(target=update_often, args=details)
    updating.start()
    load = load_of_all(url, arguments.input_size, arguments.form, arguments.seconds)
    updating.join()
    return {
        "answered": load.answered,
        "failed": load.failed,
        "versions": sorted(load.versions),
        "completed": statuses.count("completed"),
    }


def _memory_used(arguments: argparse.Namespace, url: str, pid: int) -> dict[str, object]:
    """Return the worker's resident memory, MiB, before and after so many requests."""
    process = psutil.Process(pid)
    before = process.memory_info().rss
    share = arguments.requests // _CLIENTS
    with ProcessPoolExecutor(_CLIENTS) as pool:
        futures = [
            pool.submit(ask_often, url, arguments.input_size, arguments.form, share)
            for _ in range(_CLIENTS)
        ]
        failed = sum(future.result() for future in futures)
    after = process.memory_info().rss
    return {
        "requests": share * _CLIENTS,
        "failed": failed,
        "before_mib": before / 2**20,
        "after_mib": after / 2**20,
        "growth": after / before - 1,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--other", type=Path, help="the model to swap with in updates")
    parser.add_argument("--input-size", type=int, default=224)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--updates", type=int, default=0)
    parser.add_argument("--requests", type=int, default=0)
    parser.add_argument("--form", choices=["binary", "json"], default="binary")
    parser.add_argument("--peer", help="a model's URL, .../v2/models/<name>")
    parser.add_argument("--json", type=Path, help="where the figures go, too")
    return parser.parse_args()


def _input(side: int, count: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(count, 3, side, side)).astype(np.float32)


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _rate(call: Callable[[], object], seconds: float) -> float:
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        call()
        count += 1
    return count / (time.perf_counter() - start)


def _wait_until_ready(url: str) -> None:
    while True:
        connection = http.client.HTTPConnection(urlsplit(url).netloc)
        connection.request("GET", "/v2/health/ready")
        if connection.getresponse().status == http.client.OK:
            return


if __name__ == "__main__":
    main()
