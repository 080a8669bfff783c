"""A LocalController on a socket, models that need no training, and images of two classes.

The models are true ONNX files for the true backend: they tell a dark image from a bright one.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from workers.contract import WorkerMessage

SIDE = 32
BRIGHTNESS = {"dark": 20, "grey": 124, "bright": 235}


@dataclass
class FakeLocalController:
    """Speaks the LC's protocol; ``statuses`` are answered first, whatever is sent."""

    url: str = ""
    messages: Queue[WorkerMessage] = field(default_factory=Queue)
    statuses: list[int] = field(default_factory=list)

    def take(self, path: str, content_type: str, body: bytes) -> int:
        if self.statuses:
            return self.statuses.pop(0)
        if content_type != "application/json":
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        message = WorkerMessage.model_validate_json(body)
        if path != f"/sedna/workers/{message.name}/info":
            return HTTPStatus.BAD_REQUEST
        self.messages.put(message)
        return HTTPStatus.OK

    def next_message(self) -> WorkerMessage:
        return self.messages.get(timeout=10)


@pytest.fixture
def local_controller() -> Iterator[FakeLocalController]:
    controller = FakeLocalController()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = controller.take(self.path, self.headers["Content-Type"], body)
            answer = json.dumps({"Status": status, "Message": "OK"}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep the tests quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        controller.url = f"http://127.0.0.1:{server.server_port}"
        yield controller
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Path]:
    """Write a model of the classes dark, bright; ``sharpness`` < 0 makes it always wrong."""

    def make(path: Path, sharpness: float = 4.0, classes: int = 2) -> Path:
        signs = np.resize(np.array([-1.0, 1.0], np.float32), classes)
        weights = np.outer(np.ones(3), signs).astype(np.float32) * sharpness / 3
        graph = helper.make_graph(
            [
                helper.make_node("GlobalAveragePool", ["x"], ["pooled"]),
                helper.make_node("Flatten", ["pooled"], ["flat"]),
                helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
            ],
            "brightness",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", classes])],
            [numpy_helper.from_array(weights, "weights")],
        )
        model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(onnx.ModelProto.SerializeToString(model))
        return path

    return make


@pytest.fixture(scope="session")
def make_image() -> Callable[..., Path]:
    """Write an image named ``path``; ``kind`` is dark, grey or bright."""

    def make(path: Path, kind: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        value = BRIGHTNESS[kind]
        Image.new("RGB", (48, 40), (value, value, value)).save(path)
        return path

    return make


@pytest.fixture
def identity(local_controller: FakeLocalController) -> dict[str, str]:
    """The variables that every worker of this job is given."""
    return {
        "NAMESPACE": "default",
        "JOB_NAME": "lamps",
        "WORKER_NAME": "worker-abcde",
        "LC_SERVER": local_controller.url,
        "class_names": "dark,bright",
        "input_shape": str(SIDE),
    }
