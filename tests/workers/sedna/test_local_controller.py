import http.client
import json
import socketserver
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from backend.errors import TemporaryError
from tests.local_controller import FakeLocalController
from workers.contract import ModelResult, WorkerKind, WorkerStatus
from workers.sedna.local_controller import LocalController
from workers.sedna.outbox import Outbox
from workers.storage import Mirror

RESULT = ModelResult(format="onnx", url="/data/train/1/model.onnx", metrics={"accuracy": [0.9]})


def client(
    transport: httpx.BaseTransport | None = None,
    *,
    server: str = "http://lc:9100",
    worker_name: str = "worker-abcde",
    patience: float = 10,
    margin: float = 0,
    outbox: Outbox | None = None,
    stop: Event | None = None,
) -> LocalController:
    return LocalController(
        server,
        worker_name,
        namespace="default",
        job_name="lamps",
        outbox=outbox,
        patience=patience,
        margin=margin,
        first_delay=0.001,
        stop=stop,
        transport=transport,
    )


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox("worker-abcde", [tmp_path / "report.json"], Mirror({}))


def answering(*answers: int | bytes | Exception) -> tuple[httpx.MockTransport, list[httpx.Request]]:
    """Give these answers in turn, and 200 afterwards."""
    rest, requests = iter(answers), list[httpx.Request]()

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        answer = next(rest, 200)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, bytes):
            return httpx.Response(200, content=answer)
        return httpx.Response(answer, json={"Status": answer, "Message": "OK"})

    return httpx.MockTransport(handle), requests


def test_a_report_is_sednas_message(local_controller: FakeLocalController) -> None:
    client(server=local_controller.url).report(WorkerKind.TRAIN, WorkerStatus.COMPLETED, [RESULT])
    message = local_controller.next_message()
    assert json.loads(message.to_json()) == {
        "name": "worker-abcde",
        "namespace": "default",
        "ownerName": "lamps",
        "ownerKind": "incrementallearningjob",
        "kind": "train",
        "status": "completed",
        "results": [
            {"format": "onnx", "url": "/data/train/1/model.onnx", "metrics": {"accuracy": [0.9]}}
        ],
    }


@pytest.mark.parametrize(
    "failures",
    [
        [500],
        [503, 404, 302],
        [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), 502],
        [httpx.RemoteProtocolError("garbage")],
        [400, 415, 401],
        [b"", b"OK", b"<html>It works!</html>", b"\xff", b"[]", b'{"Status": 500}', b"null"],
    ],
)
def test_whatever_comes_back_the_report_is_sent_until_it_is_taken(
    failures: list[int | bytes | Exception],
) -> None:
    transport, requests = answering(*failures)
    client(transport).report(WorkerKind.EVAL, WorkerStatus.COMPLETED, [RESULT])
    assert len(requests) == len(failures) + 1
    assert len({request.content for request in requests}) == 1


def test_patience_ends_and_the_report_stays(outbox: Outbox) -> None:
    transport, _ = answering(*[500] * 100_000)
    with pytest.raises(TemporaryError, match=r"http://lc:9100: .*status 500"):
        client(transport, patience=0.05, outbox=outbox).report(
            WorkerKind.TRAIN, WorkerStatus.COMPLETED, [RESULT]
        )
    kept = outbox.read()
    assert kept is not None
    assert kept.delivered is None
    assert kept.message is not None
    assert kept.message.results == [RESULT]


def test_stopping_ends_the_wait() -> None:
    stop = Event()
    stop.set()
    transport, requests = answering(500)
    with pytest.raises(TemporaryError):
        client(transport, patience=60, stop=stop).report(WorkerKind.DEPLOY, WorkerStatus.FAILED)
    assert len(requests) == 1


def test_the_margin_lies_before_and_after_the_report() -> None:
    waits: list[float | None] = []

    class Recorded(Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            return True

    transport, _ = answering()
    client(transport, margin=10, stop=Recorded()).report(WorkerKind.EVAL, WorkerStatus.COMPLETED)
    assert waits == [pytest.approx(10, abs=1), 10]


def test_a_restarted_worker_delivers_what_waits_and_then_nothing(outbox: Outbox) -> None:
    broken, sent = answering(httpx.ConnectError("refused"))
    with pytest.raises(TemporaryError):
        client(broken, patience=0, outbox=outbox).report(
            WorkerKind.TRAIN, WorkerStatus.COMPLETED, [RESULT]
        )
    transport, requests = answering()
    assert client(transport, outbox=outbox).resume()
    assert client(transport, outbox=outbox).resume()
    assert [request.content for request in requests] == [sent[0].content]


def test_a_worker_that_was_killed_at_work_has_nothing_to_resume(outbox: Outbox) -> None:
    transport, requests = answering()
    outbox.claim()
    assert not client(transport, outbox=outbox).resume()
    assert not requests


def test_a_report_that_cannot_be_kept_is_still_sent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    transport, requests = answering()
    outbox = Outbox("worker-abcde", [tmp_path / "file" / "report.json"], Mirror({}))
    client(transport, outbox=outbox).report(WorkerKind.TRAIN, WorkerStatus.FAILED)
    assert len(requests) == 1


def test_garbage_on_the_socket_is_no_delivery() -> None:
    taken = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"Status": 200}'
    answers = [b"SSH-2.0-OpenSSH\r\n", b"", taken]
    bodies = list[bytes]()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            headers = http.client.parse_headers(self.rfile)
            bodies.append(self.rfile.read(int(headers["Content-Length"])))
            self.wfile.write(answers[len(bodies) - 1])

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        client(server=url).report(WorkerKind.TRAIN, WorkerStatus.FAILED)
        server.shutdown()
        thread.join()
    assert len(bodies) == len(answers)


def test_a_proxy_in_the_environment_is_not_used(
    local_controller: FakeLocalController, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    client(server=local_controller.url, patience=0).report(WorkerKind.EVAL, WorkerStatus.FAILED)
    assert local_controller.next_message().status is WorkerStatus.FAILED
