"""MLServer under the same load as the inference worker."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.answering import answer
from bench.dataset import INPUT_SIZE
from bench.load import Target, measure_server
from bench.machine import PEERS_PYTHON
from bench.server import MODEL_NAME, free_ports, model_url, serving

_MODEL = {
    "name": MODEL_NAME,
    "implementation": "bench.peers.mlserver_runtime.OnnxModel",
    "max_batch_size": 8,
    "max_batch_time": 0.002,
}


def run(model: str, seconds: float) -> Mapping[str, float]:
    """Return ms of one image for one client, and images per second for eight."""
    http_port, grpc_port, metrics_port = free_ports(3)
    settings = {
        "host": "127.0.0.1",
        "http_port": http_port,
        "grpc_port": grpc_port,
        "metrics_port": metrics_port,
        "parallel_workers": 0,
    }
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "settings.json").write_text(json.dumps(settings))
        described = {**_MODEL, "parameters": {"uri": model}}
        (folder / "model-settings.json").write_text(json.dumps(described))
        command = [str(PEERS_PYTHON.parent / "mlserver"), "start", name]
        with serving(command, {}, folder, http_port):
            return measure_server(Target(model_url(http_port), INPUT_SIZE, "json"), seconds)


if __name__ == "__main__":
    answer(run)
