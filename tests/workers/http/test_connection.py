"""Clients that send too slowly, too much, or come in too great a number."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from workers.http import connection
from workers.http.body import BodyReader
from workers.http.connection import HEADER_BYTES
from workers.http.errors import EXCEPTION_HANDLERS
from workers.http.refusals import RequestError
from workers.http.server import listen, serving

pytestmark = pytest.mark.timeout(60)

HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
SLOW = 0.1


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    monkeypatch.setattr(connection, "HEAD_SECONDS", SLOW)
    monkeypatch.setattr(connection, "MOST_CONNECTIONS", 2)
    bodies = BodyReader(limit=1000, timeout=SLOW)

    async def answer(request: Request) -> Response:
        async with bodies.reading(request) as body:
            return PlainTextResponse(body)

    async def refuse(_: Request) -> Response:
        raise RequestError("no")

    routes = [Route("/", answer, methods=["POST"]), Route("/no", refuse, methods=["POST"])]
    app = Starlette(routes=routes, exception_handlers=EXCEPTION_HANDLERS)
    listener = listen("127.0.0.1", 0)
    with serving(app, listener, stop=Event(), grace_seconds=1):
        yield listener.getsockname()


@contextmanager
def connected(address: tuple[str, int]) -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=30) as client:
        yield client


def everything(client: socket.socket) -> bytes:
    """Return what comes until the server closes."""
    return client.makefile("rb").read()


@pytest.mark.parametrize("sent", [b"", b"POST", HEAD])
def test_a_head_that_does_not_come_ends_the_connection(
    address: tuple[str, int], sent: bytes
) -> None:
    with connected(address) as client:
        client.sendall(sent)
        assert everything(client) == b""


def test_a_second_head_that_does_not_come_ends_the_connection(address: tuple[str, int]) -> None:
    with connected(address) as client:
        client.sendall(HEAD + b"Content-Length: 2\r\n\r\nhi" + b"POST / HT")
        assert everything(client).endswith(b"\r\n\r\nhi")


def test_a_body_that_does_not_come_is_answered_and_ends_the_connection(
    address: tuple[str, int],
) -> None:
    with connected(address) as client:
        client.sendall(HEAD + b"Content-Length: 100\r\n\r\nhi")
        assert everything(client).startswith(b"HTTP/1.1 408 ")


def test_the_rest_of_a_body_that_nobody_reads_is_not_waited_for(address: tuple[str, int]) -> None:
    with connected(address) as client:
        client.sendall(HEAD.replace(b"/", b"/no", 1) + b"Content-Length: 100\r\n\r\nhi")
        assert everything(client).startswith(b"HTTP/1.1 400 ")


def test_headers_without_end_are_refused(address: tuple[str, int]) -> None:
    with connected(address) as client:
        client.sendall(HEAD + b"X: " + b"x" * HEADER_BYTES)
        answer = everything(client)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b'{"error": "The headers are too large."}')


def test_what_is_no_http_is_refused_in_the_protocols_form(address: tuple[str, int]) -> None:
    with connected(address) as client:
        client.sendall(b"GET / HTTP/9.9\0\r\n\r\n")
        head, _, body = everything(client).partition(b"\r\n\r\n")
    assert b"application/json" in head
    assert set(json.loads(body)) == {"error"}


def test_a_request_on_one_connection_too_many_is_told_when_to_come_back(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 30.0)
    request = HEAD + b"Content-Length: 2\r\n\r\nhi"
    with ExitStack() as open_:
        first = [open_.enter_context(connected(address)) for _ in range(2)]
        for client in first:
            client.sendall(request)
            assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
        with connected(address) as third:
            third.sendall(request)
            answer = everything(third)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 1\r\n" in answer.lower()
        first[0].sendall(request.replace(b"/", b"/no", 1))
        assert first[0].recv(1000).startswith(b"HTTP/1.1 400 ")


def test_connections_far_beyond_that_are_cut(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 60.0)
    monkeypatch.setattr(connection, "_MOST_REFUSED", -2)
    with connected(address) as client:
        assert everything(client) == b""
