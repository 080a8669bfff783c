"""The inference worker over HTTP, and what it is compared with."""

import json
import re
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import onnxruntime

from bench.answering import Values, answer, median_ms
from bench.dataset import INPUT_SIZE
from bench.load import Target, ask_often, inputs, measure_server
from bench.machine import PEERS_PYTHON
from bench.measure import SubjectError
from bench.server import MODEL_NAME, free_ports, serving
from bench.workers import inference_worker

_REQUESTS = 300
_BATCH_SIZES = (1, 2, 4, 8, 16, 32)
_MLSERVER_MODEL = {
    "name": MODEL_NAME,
    "implementation": "bench.peers.mlserver_runtime.OnnxModel",
    "max_batch_size": 8,
    "max_batch_time": 0.002,
}


def bare_session(model: str, seconds: float) -> Values:
    """Measure an ONNX Runtime session on decoded arrays, at the best of some batch sizes.

    All batch sizes together run for ``seconds``.
    """
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    share = seconds / len(_BATCH_SIZES)
    rates = [_images_per_second(session, size, share) for size in _BATCH_SIZES]
    one = {session.get_inputs()[0].name: inputs(1, INPUT_SIZE)}
    one_ms = median_ms(lambda: session.run(None, one), _REQUESTS)
    return {"one_ms": one_ms, "images_per_second": max(rates)}


def _images_per_second(session: onnxruntime.InferenceSession, size: int, seconds: float) -> float:
    feed = {session.get_inputs()[0].name: inputs(size, INPUT_SIZE)}
    session.run(None, feed)
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        session.run(None, feed)
        count += size
    return count / (time.perf_counter() - began)


def worker(model: str, seconds: float) -> Values:
    """Measure the inference worker; see `measure_server`."""
    with inference_worker(Path(model)) as running:
        return measure_server(Target(running.model_url, INPUT_SIZE), seconds)


def memory(model: str) -> Values:
    """Return the worker's highest resident memory, MiB, after one request at a time."""
    with inference_worker(Path(model)) as running:
        if failed := ask_often(Target(running.model_url, INPUT_SIZE), _REQUESTS):
            raise SubjectError(f"the inference worker refused {failed} requests.")
        status = Path(f"/proc/{running.pid}/status").read_text("ascii")
    [kibibytes] = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return {"peak_mib": int(kibibytes) / 1024}


def mlserver(model: str, seconds: float) -> Values:
    """Measure MLServer under the same load."""
    ports = dict(zip(("http_port", "grpc_port", "metrics_port"), free_ports(3), strict=True))
    settings = {"host": "127.0.0.1", "parallel_workers": 0, **ports}
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "settings.json").write_text(json.dumps(settings))
        described = {**_MLSERVER_MODEL, "parameters": {"uri": model}}
        (folder / "model-settings.json").write_text(json.dumps(described))
        command = [str(PEERS_PYTHON.parent / "mlserver"), "start", name]
        with serving(command, {}, folder, ports["http_port"]) as server:
            return measure_server(Target(server.model_url, INPUT_SIZE, "json"), seconds)


if __name__ == "__main__":
    answer(bare_session, worker, memory, mlserver)
