"""The whole worker on a socket, asked by the protocol's own client."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import httpx
import numpy as np
import pytest
from tritonclient.http import (  # type: ignore[import-untyped]  # without types
    InferenceServerClient,
    InferInput,
    InferRequestedOutput,
)
from tritonclient.utils import InferenceServerException  # type: ignore[import-untyped]  # without types

from backend.errors import SettingsError
from tests.brightness_model import SIDE
from tests.local_controller import FakeLocalController
from tests.workers.infer.conftest import encoded
from tests.workers.infer.http.worker import Worker, running, wait_until_ready
from workers.contract import ModelConfig, ModelHotUpdateConfig, WorkerStatus
from workers.http.connection import HEADER_BYTES
from workers.http.server import listen

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def hot(variables: dict[str, str], tmp_path: Path) -> dict[str, str]:
    (tmp_path / "hot").mkdir()
    return variables | {
        "MODEL_HOT_UPDATE": "true",
        "MODEL_HOT_UPDATE_CONFIG": str(tmp_path / "hot" / "model_config.json"),
    }


def test_tritons_client_works_unchanged(variables: dict[str, str]) -> None:
    with running(variables) as worker:
        wait_until_ready(worker)
        client = InferenceServerClient(worker.address)
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("lamps")
        assert not client.is_model_ready("other")
        assert client.get_server_metadata()["name"] == "sedna-tinyms"
        (version,) = client.get_model_metadata("lamps")["versions"]

        inputs = InferInput("input", [2, 3, SIDE, SIDE], "FP32")
        values = np.full((2, 3, SIDE, SIDE), 2.0, np.float32)
        values[0] *= -1
        for binary_in in (True, False):
            inputs.set_data_from_numpy(values, binary_data=binary_in)
            for binary_out in (True, False):
                outputs = [
                    InferRequestedOutput(name, binary_data=binary_out)
                    for name in ("probabilities", "label", "hard")
                ]
                for wanted in (outputs, None):
                    result = client.infer("lamps", [inputs], outputs=wanted, request_id="a")
                    assert result.get_response()["model_version"] == version
                    labels = [
                        each.decode() if isinstance(each, bytes) else each
                        for each in result.as_numpy("label")
                    ]
                    assert labels == ["dark", "bright"]
                    assert result.as_numpy("hard").tolist() == [False, False]
                    assert result.as_numpy("probabilities").sum(axis=1) == pytest.approx(1)

        pictures = InferInput("image", [1], "BYTES")
        pictures.set_data_from_numpy(np.array([encoded("bright")], dtype=object))
        assert client.infer("lamps", [pictures], model_version=version).as_numpy("label")[0]
        with pytest.raises(InferenceServerException, match="There is no model other"):
            client.infer("other", [pictures])
        client.close()


def test_no_request_fails_while_models_change(
    hot: dict[str, str],
    tmp_path: Path,
    make_model: Callable[..., Path],
    local_controller: FakeLocalController,
) -> None:
    right, wrong = (make_model(tmp_path / "hot" / f"{n}.onnx", n) for n in (4.0, -4.0))
    answers: list[tuple[str, str]] = []
    failures: list[str] = []
    done = threading.Event()

    def ask(worker: Worker) -> None:
        with worker.client() as client:
            while not done.is_set():
                response = client.post("/classify", content=encoded("dark"))
                if response.is_success:
                    answers.append((response.json()["model_version"], response.json()["label"]))
                else:
                    failures.append(response.text)

    with running(hot) as worker:
        wait_until_ready(worker)
        clients = [Thread(target=ask, args=(worker,)) for _ in range(4)]
        for client in clients:
            client.start()
        for update in range(20):
            model = (wrong, right)[update % 2]
            tell(hot, model, str(update))
            assert local_controller.next_message().status == WorkerStatus.COMPLETED
        done.set()
        for client in clients:
            client.join()
    assert failures == []
    labels_of_versions = dict.fromkeys(answers)
    assert len(labels_of_versions) == len(dict(labels_of_versions)) == 2


def tell(hot: dict[str, str], model: Path, time: str) -> None:
    config = ModelConfig(model_path=str(model), model_update_time=time)
    text = ModelHotUpdateConfig(model_config=config).to_json()
    Path(hot["MODEL_HOT_UPDATE_CONFIG"]).write_text(text)


def test_a_broken_update_is_reported_and_changes_nothing(
    hot: dict[str, str], tmp_path: Path, local_controller: FakeLocalController
) -> None:
    broken = tmp_path / "hot" / "broken.onnx"
    broken.write_bytes(b"no model")
    with running(hot) as worker:
        wait_until_ready(worker)
        with worker.client() as client:
            before = client.get("/v2/models/lamps").json()["versions"]
            tell(hot, broken, "now")
            assert local_controller.next_message().status == WorkerStatus.FAILED
            assert client.get("/v2/models/lamps").json()["versions"] == before
            updates = 'inference_model_updates_total{outcome="failed"} 1.0'
            assert updates in client.get("/metrics").text


def test_sigterm_lets_a_request_in_flight_finish_and_saves_its_hard_example(
    variables: dict[str, str], tmp_path: Path
) -> None:
    body = encoded("grey")
    head = f"POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    with running(variables) as worker:
        wait_until_ready(worker)
        host, port = worker.address.split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head.encode() + body[:10])
            with worker.client() as client:  # the head has arrived when this is answered
                assert client.get("/v2/health/live").is_success
            worker.process.send_signal(signal.SIGTERM)
            wait_until_unready(worker)
            connection.sendall(body[10:])
            answer = connection.makefile("rb").read()
        assert worker.process.wait(10) == 0
    assert answer.startswith(b"HTTP/1.1 200")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["hard"] is True
    assert len(list((tmp_path / "hard").glob("*.png"))) == 1


def wait_until_unready(worker: Worker) -> None:
    while True:
        try:
            with worker.client() as client:
                if not client.get("/v2/health/ready").is_success:
                    return
        except httpx.TransportError:
            return


def test_overload_is_answered_503_with_retry_after(variables: dict[str, str]) -> None:
    body, headers = _binary(64)
    statuses: list[int] = []
    retries: list[str | None] = []

    def ask(worker: Worker) -> None:
        with worker.client() as client:
            for _ in range(5):
                response = client.post("/v2/models/lamps/infer", content=body, headers=headers)
                statuses.append(response.status_code)
                if not response.is_success:
                    retries.append(response.headers.get("Retry-After"))

    with running(variables) as worker:
        wait_until_ready(worker)
        clients = [Thread(target=ask, args=(worker,)) for _ in range(6)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    assert set(statuses) == {200, 503}
    assert set(retries) == {"1"}


def _binary(count: int) -> tuple[bytes, dict[str, str]]:
    data = bytes(4 * count * 3 * SIDE * SIDE)
    tensor = {**_tensor(count), "parameters": {"binary_data_size": len(data)}}
    del tensor["data"]
    head = json.dumps({"inputs": [tensor]}).encode()
    return head + data, {"Inference-Header-Content-Length": str(len(head))}


def _tensor(count: int) -> dict[str, object]:
    data = [0] * count * 3 * SIDE * SIDE
    return {"name": "input", "datatype": "FP32", "shape": [count, 3, SIDE, SIDE], "data": data}


def test_answers_do_not_wait_for_delayed_acknowledgements() -> None:
    with (
        listen("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as connection,
    ):
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    "beginning",
    [
        b"GET /v2 HTTP/1.1\r\nHost: localhost\r\nEndless: ",
        b"GET /",
        b"POST /classify HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\nx\r\n0\r\nTrailer: ",
    ],
    ids=["header", "path", "trailer"],
)
def test_headers_without_an_end_do_not_fill_the_memory(
    variables: dict[str, str], beginning: bytes
) -> None:
    with running(variables) as worker:
        wait_until_ready(worker)
        host, port = worker.address.split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(beginning)
            assert is_closed_while_sending(connection, b"a" * HEADER_BYTES, times=10_000)
        with worker.client() as client:
            assert client.get("/v2/health/live").is_success


def is_closed_while_sending(connection: socket.socket, part: bytes, times: int) -> bool:
    try:
        for _ in range(times):
            connection.sendall(part)
    except ConnectionError:
        return True
    return False


def test_a_body_in_many_chunks_is_taken(variables: dict[str, str]) -> None:
    body = encoded("dark") + bytes(4 * HEADER_BYTES)
    chunks = (body[start : start + 7] for start in range(0, len(body), 7))
    with running(variables) as worker:
        wait_until_ready(worker)
        with worker.client() as client:
            assert client.post("/classify", content=chunks).json()["label"] == "dark"
            assert client.get("/v2/health/live").is_success


def test_a_port_that_is_taken_is_named() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"http_port={port}"):
            listen("127.0.0.1", port)


def test_neither_folder_nor_port_is_a_wrong_setting(variables: dict[str, str]) -> None:
    environment = {"PATH": os.environ["PATH"]} | variables
    command = [sys.executable, "-m", "workers", "infer"]
    ended = subprocess.run(  # noqa: PLW1510 - its status is what is looked at
        command, env=environment, stderr=subprocess.PIPE, text=True
    )
    assert ended.returncode == SettingsError.exit_status
    assert "infer_url" in ended.stderr
