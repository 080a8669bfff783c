"""The inference worker over HTTP, and what it is compared with.

Each is asked with a tensor, or with the JPEG file ``picture``.
"""

import json
import os
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import onnxruntime
from prometheus_client.parser import text_string_to_metric_families

from backend.images.preprocessing import InputFormat, preprocess_batch
from bench.answering import Values, answer, median_ms
from bench.dataset import INPUT_SIZE
from bench.load import Request, ask_often, measure_server
from bench.machine import PEERS_PYTHON
from bench.measure import SubjectError
from bench.requests import (
    binary_picture,
    binary_tensor,
    inputs,
    json_picture,
    json_tensor,
    raw_picture,
    raw_tensor,
)
from bench.server import MODEL_NAME, free_ports, serving
from bench.workers import inference_worker

_REQUESTS = 300
_WARM_UP = 20
_NETWORK, _HANDLED = "inference_batch_seconds", "inference_request_seconds"
_BATCH_SIZES = (1, 2, 4, 8, 16, 32)
_MLSERVER_MODEL = {
    "name": MODEL_NAME,
    "implementation": "bench.peers.mlserver_runtime.OnnxModel",
    "max_batch_size": 8,
    "max_batch_time": 0.002,
}


def bare_session(model: str, seconds: float, picture: str = "") -> Values:
    """Measure an ONNX Runtime session in this process, at the best of some batch sizes.

    All batch sizes together run for ``seconds``. Decoding counts, arrays are decoded before.
    """
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    jpeg = Path(picture).read_bytes() if picture else b""

    def call(count: int) -> Callable[[], Any]:
        if jpeg:
            pictures, input_format = [jpeg] * count, InputFormat(INPUT_SIZE)
            return lambda: session.run(None, {name: preprocess_batch(pictures, input_format)})
        feed = {name: inputs(count)}
        return lambda: session.run(None, feed)

    share = seconds / len(_BATCH_SIZES)
    rates = [_images_per_second(call(size), size, share) for size in _BATCH_SIZES]
    return {"one_ms": median_ms(call(1), _REQUESTS), "images_per_second": max(rates)}


def _images_per_second(call: Callable[[], Any], size: int, seconds: float) -> float:
    call()
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        call()
        count += size
    return count / (time.perf_counter() - began)


def worker(model: str, seconds: float, picture: str = "") -> Values:
    """Measure the inference worker; see `measure_server`."""
    with inference_worker(Path(model)) as server:
        tensor = partial(binary_tensor, server.model_url)
        return _measured(tensor, partial(raw_picture, f"{server.url}/classify"), picture, seconds)


def profile(model: str, requests: int, picture: str = "") -> Values:
    """Tell where the time of one client's requests goes: milliseconds a request, on average."""
    with inference_worker(Path(model)) as server:
        request = binary_tensor(server.model_url)
        if picture:
            request = raw_picture(f"{server.url}/classify", Path(picture).read_bytes())
        ask_often(request, _WARM_UP)
        before, began = _seconds(server.url), time.perf_counter()
        if failed := ask_often(request, requests):
            raise SubjectError(f"the inference worker refused {failed} requests.")
        whole, after = time.perf_counter() - began, _seconds(server.url)
    network, handled = (after[name] - before[name] for name in (_NETWORK, _HANDLED))
    seconds = {
        "client, sockets, HTTP": whole - handled,
        "parsing, decoding, handing over": handled - network,
        "network": network,
    }
    return {name: 1000 * value / requests for name, value in seconds.items()}


def _seconds(url: str) -> dict[str, float]:
    """Return the worker's histograms' sums, over all labels."""
    text = httpx.get(f"{url}/metrics").text
    samples = [each for family in text_string_to_metric_families(text) for each in family.samples]
    return {
        name: sum(each.value for each in samples if each.name == f"{name}_sum")
        for name in (_NETWORK, _HANDLED)
    }


def memory(model: str) -> Values:
    """Return the worker's highest resident memory, MiB, after one request at a time."""
    with inference_worker(Path(model)) as running:
        if failed := ask_often(binary_tensor(running.model_url), _REQUESTS):
            raise SubjectError(f"the inference worker refused {failed} requests.")
        status = Path(f"/proc/{running.pid}/status").read_text("ascii")
    [kibibytes] = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return {"peak_mib": int(kibibytes) / 1024}


def mlserver(model: str, seconds: float, picture: str = "") -> Values:
    """Measure MLServer under the same load, in JSON: it refuses binary tensors with 422."""
    ports = dict(zip(("http_port", "grpc_port", "metrics_port"), free_ports(3), strict=True))
    settings = {"host": "127.0.0.1", "parallel_workers": 0, **ports}
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "settings.json").write_text(json.dumps(settings))
        described = {**_MLSERVER_MODEL, "parameters": {"uri": model}}
        (folder / "model-settings.json").write_text(json.dumps(described))
        command = [str(PEERS_PYTHON.parent / "mlserver"), "start", name]
        with serving(command, {}, folder, ports["http_port"]) as server:
            tensor = partial(json_tensor, server.model_url)
            return _measured(tensor, partial(json_picture, server.model_url), picture, seconds)


def kserve(model: str, seconds: float, picture: str = "") -> Values:
    """Measure KServe's model server under the same load, with binary tensors."""
    [port] = free_ports(1)
    arguments = [MODEL_NAME, model, str(port)]
    command = [str(PEERS_PYTHON), "-m", "bench.peers.kserve_server", *arguments]
    with (
        TemporaryDirectory() as folder,
        serving(command, os.environ, Path(folder), port) as server,
    ):
        tensor = partial(binary_tensor, server.model_url)
        return _measured(tensor, partial(binary_picture, server.model_url), picture, seconds)


def bentoml(model: str, seconds: float, picture: str = "") -> Values:
    """Measure BentoML under the same load, with raw bodies."""
    [port] = free_ports(1)
    service = "bench.peers.bentoml_service:OnnxService"
    command = [str(PEERS_PYTHON.parent / "bentoml"), "serve", service, "--port", str(port)]
    with TemporaryDirectory() as folder:
        # It keeps its own state under its home.
        environment = {
            "PATH": os.environ["PATH"],
            "BENCH_MODEL": model,
            "BENTOML_HOME": folder,
            "BENTOML_DO_NOT_TRACK": "1",
        }
        with serving(command, environment, Path(folder), port, "/readyz") as server:
            tensor = partial(raw_tensor, f"{server.url}/tensor")
            form = partial(raw_picture, f"{server.url}/picture")
            return _measured(tensor, form, picture, seconds)


def _measured(
    of_tensor: Callable[[], Request],
    of_picture: Callable[[bytes], Request],
    picture: str,
    seconds: float,
) -> Values:
    """Ask with the file, or without one with a tensor."""
    request = of_picture(Path(picture).read_bytes()) if picture else of_tensor()
    return measure_server(request, seconds)


if __name__ == "__main__":
    answer(bare_session, worker, profile, memory, mlserver, kserve, bentoml)
