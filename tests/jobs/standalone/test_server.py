import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from backend.errors import TemporaryError
from jobs.standalone import server
from jobs.standalone.server import WorkerReport, address, application, bind, serve
from workers.contract import ModelResult, WorkerKind, WorkerMessage, WorkerStatus, message_path
from workers.sedna.local_controller import LocalController

MESSAGE = WorkerMessage(
    name="train-worker-abcde",
    namespace="farm",
    ownerName="dogs",
    kind=WorkerKind.TRAIN,
    status=WorkerStatus.COMPLETED,
    results=[ModelResult(format="ckpt", url="/out/train/1/model.ckpt")],
)
JSON = {"content-type": "application/json"}


def secret(name: str) -> str:
    return f"secret-of-{name}"


def make_application(receive: Callable[[WorkerReport], None]) -> Starlette:
    return application(receive, secret)


def server_of(name: str, port: int = 9100) -> str:
    """Return the LC_SERVER of a worker."""
    return address(port, name, secret(name))


ADDRESS = server_of(MESSAGE.name)
LOGIN = f"Basic {b64encode(f'{MESSAGE.name}:{secret(MESSAGE.name)}'.encode()).decode()}"


async def post(
    content: str | bytes | AsyncIterator[bytes],
    *,
    name: str = MESSAGE.name,
    headers: dict[str, str] | None = None,
    server: str = "",
) -> tuple[httpx.Response, list[WorkerReport]]:
    received: list[WorkerReport] = []
    transport = httpx.ASGITransport(app=make_application(received.append))
    url = server or server_of(name)
    async with httpx.AsyncClient(transport=transport, base_url=url) as client:
        answer = await client.post(message_path(name), content=content, headers=headers or JSON)
    return answer, received


def body(**changes: Any) -> str:
    return json.dumps(json.loads(MESSAGE.to_json()) | changes)


async def test_a_workers_message_is_received() -> None:
    answer, received = await post(MESSAGE.to_json())
    assert answer.status_code == 200
    assert [(r.name, r.kind, r.status) for r in received] == [
        ("train-worker-abcde", "train", "completed")
    ]
    assert received[0].results == [
        {"format": "ckpt", "url": "/out/train/1/model.ckpt", "metrics": {}}
    ]


async def test_a_parameter_of_the_content_type_does_not_matter() -> None:
    answer, _ = await post(body(), headers={"content-type": "Application/JSON; charset=utf-8"})
    assert answer.status_code == 200


@pytest.mark.parametrize("type_", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_another_content_type_is_unsupported(type_: str) -> None:
    answer, received = await post(body(), headers={"content-type": type_})
    assert (answer.status_code, received) == (415, [])


@pytest.mark.parametrize("content", ["", "{", "[]", "null", b"\xff", '{"name": NaN}'])
async def test_bad_json_is_a_bad_request(content: str | bytes) -> None:
    answer, received = await post(content)
    assert (answer.status_code, received) == (400, [])


@pytest.mark.parametrize("changes", [{"kind": 5}, {"results": "none"}, {"status": ["completed"]}])
async def test_a_value_of_another_type_is_a_bad_request(changes: dict[str, Any]) -> None:
    answer, received = await post(body(**changes))
    assert (answer.status_code, received) == (400, [])


async def test_the_name_in_the_path_must_be_the_messages() -> None:
    answer, received = await post(body(), name="eval-worker-abcde")
    assert (answer.status_code, received) == (400, [])
    assert answer.json()["Status"] == 400


@pytest.mark.parametrize(
    "changes",
    [{"results": [{"metrics": {"accuracy": 0.9}}]}, {"results": None}, {"kind": "other"}],
)
async def test_what_only_the_job_can_judge_is_received(changes: dict[str, Any]) -> None:
    answer, received = await post(body(**changes))
    assert (answer.status_code, len(received)) == (200, 1)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", message_path("x"), 405), ("POST", "/sedna", 404)]
)
async def test_what_is_no_message_is_refused_in_the_same_form(
    method: str, path: str, status: int
) -> None:
    transport = httpx.ASGITransport(app=make_application(lambda _: None))
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["Status"]) == (status, status)
    assert answer.json()["Message"]


@pytest.mark.parametrize("host", ["rebound.example:9100", "127.0.0.1", "127.0.0.1:9101", ""])
async def test_only_the_endpoints_own_address_is_answered(host: str) -> None:
    answer, received = await post(body(), headers=JSON | {"host": host})
    assert (answer.status_code, received) == (421, [])
    assert "127.0.0.1:9100" in answer.json()["Message"]


async def test_a_message_without_end_is_not_held_in_memory() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 2**20
            yield b" " * 2**20

    answer, received = await post(endless())
    assert (answer.status_code, answer.json()["Status"], received) == (413, 413, [])
    assert sent <= 18 * 2**20


async def test_a_message_that_does_not_arrive_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "_SECONDS_TO_SEND", 0.01)
    received: list[WorkerReport] = []
    listener = bind(0)
    head = (
        f"POST {message_path(MESSAGE.name)} HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{listener.getsockname()[1]}\r\nAuthorization: {LOGIN}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    )
    async with serve(make_application(received.append), listener):
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(f"{head}{{".encode())
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"Status":408' in answer
    assert received == []


@pytest.mark.parametrize(
    "server",
    [
        "http://127.0.0.1:9100",
        address(9100, MESSAGE.name, "guessed"),
        address(9100, MESSAGE.name, ""),
        # A worker's secret is good for its own messages only.
        server_of("inferworker-abcde"),
        address(9100, MESSAGE.name, secret("inferworker-abcde")),
    ],
)
async def test_only_the_worker_itself_may_report_for_it(server: str) -> None:
    answer, received = await post(body(), server=server)
    assert (answer.status_code, answer.json()["Status"], received) == (401, 401, [])


async def test_the_workers_own_client_can_report(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[WorkerReport] = []
    listener = bind(0)
    server = server_of(MESSAGE.name, listener.getsockname()[1])
    async with serve(make_application(received.append), listener):
        client = LocalController(server, MESSAGE.name, namespace="farm", job_name="dogs")
        await asyncio.to_thread(client.report, WorkerKind.TRAIN, WorkerStatus.COMPLETED)
    assert [report.name for report in received] == [MESSAGE.name]


async def test_idle_connections_take_neither_descriptors_nor_anybodys_turn() -> None:
    received: list[WorkerReport] = []
    listener = bind(0)
    port = listener.getsockname()[1]
    async with serve(make_application(received.append), listener):
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
        url = f"{server_of(MESSAGE.name, port)}{message_path(MESSAGE.name)}"
        async with httpx.AsyncClient() as client:
            assert (await client.post(url, content=body(), headers=JSON)).is_success
        # The oldest are closed.
        for reader, _ in idle[:200]:
            with suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 5) == b""
        for _, writer in idle:
            writer.close()
    assert len(received) == 1


async def test_a_head_without_an_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_LONGEST_CONNECTION_SECONDS", 0.05)
    listener = bind(0)
    async with serve(make_application(lambda _: None), listener):
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(b"POST / HTTP/1.1\r\nX: ")
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_a_sender_that_dies_in_the_middle_is_no_error() -> None:
    answered: list[Any] = []
    events = iter([{"type": "http.request", "body": b"{", "more_body": True},
                   {"type": "http.disconnect"}])  # fmt: skip

    async def receive() -> Any:
        return next(events)

    async def send(event: Any) -> None:
        answered.append(event)

    scope = {
        "type": "http",
        "method": "POST",
        "path": message_path(MESSAGE.name),
        "headers": [
            (b"host", b"127.0.0.1:9100"),
            (b"content-type", b"application/json"),
            (b"authorization", LOGIN.encode()),
        ],
        "server": ("127.0.0.1", 9100),
    }
    await make_application(lambda _: None)(scope, receive, send)
    assert answered[0]["status"] == 400


async def test_workers_of_this_machine_reach_the_endpoint() -> None:
    received: list[WorkerReport] = []
    listener = bind(0)
    port = listener.getsockname()[1]
    async with serve(make_application(received.append), listener), httpx.AsyncClient() as client:
        url = f"{server_of(MESSAGE.name, port)}{message_path(MESSAGE.name)}"
        assert (await client.post(url, content=MESSAGE.to_json(), headers=JSON)).is_success
    assert len(received) == 1
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


def test_a_port_that_is_taken_is_told() -> None:
    with bind(0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(TemporaryError, match=f"port {port}.*is taken by another process"):
            bind(port)
