"""The LocalController's HTTP endpoint, which receives the workers' messages.

It answers as the LocalController does: 400 to bad JSON and to a name that differs from the path's,
415 to anything but JSON, 200 to everything else, even a message about another job. In addition it
has limits: 413 to a body of more than 16 MiB, 408 to one that takes longer than 10 s, and 421 to
any Host other than its own address, which excludes web pages whose name was pointed at this
machine. A connection lasts at most 20 s, and if there are too many, the oldest is closed.

Each worker has a secret, in the user information of its LC_SERVER, which HTTP clients send as Basic
authentication. A message without it is answered with 401, because other users of this machine can
reach the port too.
"""

import asyncio
import socket
from asyncio import TimerHandle, Transport
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from hmac import compare_digest
from typing import Any

import uvicorn
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from backend.errors import TemporaryError
from workers.contract import message_path

__all__ = ["WorkerReport", "address", "application", "bind", "serve"]

_HOST = "127.0.0.1"
_JSON = "application/json"
_LONGEST_BODY = 16 * 1024**2
"""The confusion matrices of two models with a thousand classes take 10 MiB."""
_SECONDS_TO_SEND = 10.0
_LONGEST_CONNECTION_SECONDS = 20.0
_MOST_CONNECTIONS = 64
_BACKLOG = 32
"""Connections that are accepted before there is time to close any."""


class WorkerReport(BaseModel):
    """A worker's message, with any results: the LocalController does not check them."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    name: str
    namespace: str = ""
    owner_name: str = Field(default="", alias="ownerName")
    owner_kind: str = Field(default="", alias="ownerKind")
    kind: str = ""
    status: str = ""
    results: list[dict[str, Any]] | None = None


def application(receive: Callable[[WorkerReport], None], secret: Callable[[str], str]) -> Starlette:
    """Return the endpoint; each well-formed message goes to ``receive`` before it is answered.

    ``secret`` returns that of the worker with the given name. A TemporaryError of ``receive`` is
    answered with 503, at which a worker sends the message again.
    """

    async def info(request: Request) -> JSONResponse:
        _check_head(request)
        name = request.path_params["name"]
        _check_sender(request, name, secret(name))
        report = _report(await _body(request))
        if report.name != name:
            raise HTTPException(
                400, f"the message is of {report.name}, not of the worker in the path"
            )
        try:
            receive(report)
        except TemporaryError as error:
            raise HTTPException(503, str(error)) from error
        return _answer(200, "OK")

    return Starlette(
        routes=[Route(message_path("{name}"), info, methods=["POST"])],
        exception_handlers={HTTPException: _refuse},
    )


def address(port: int, name: str, secret: str) -> str:
    """Return the LC_SERVER of the worker ``name``."""
    return f"http://{name}:{secret}@{_HOST}:{port}"


def bind(port: int) -> socket.socket:
    """Return a socket on this machine's ``port``, or on a free one if that is 0.

    Raises:
        TemporaryError: the port is taken.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise TemporaryError(
            f"port {port}, which this job's workers report to, is taken by another process:"
            " end that one, or the workers"
        ) from error
    return listener


@asynccontextmanager
async def serve(app: Starlette, listener: socket.socket) -> AsyncIterator[None]:
    """Serve ``app`` on ``listener`` until the block ends."""
    config = uvicorn.Config(
        app,
        http=_BoundedConnection,
        backlog=_BACKLOG,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
        listener.close()


class _BoundedConnection(H11Protocol):
    """A connection with a time limit; unlike httptools, h11 also limits a request's head."""

    _end: TimerHandle

    def connection_made(
        self,
        transport: Transport,  # type: ignore[override]  # uvicorn, too, takes no other transport
    ) -> None:
        """Accept a connection; if there are too many, close the oldest."""
        super().connection_made(transport)
        self._end = self.loop.call_later(_LONGEST_CONNECTION_SECONDS, transport.abort)
        if len(self.connections) > _MOST_CONNECTIONS:
            # All timers run equally long, so the oldest connection's ends first.
            all_ = (each for each in self.connections if isinstance(each, _BoundedConnection))
            oldest = min(all_, key=lambda each: each._end.when())
            self.connections.discard(oldest)
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._end.cancel()
        super().connection_lost(exc)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the runner."""
        yield


def _check_head(request: Request) -> None:
    host, port = request.scope["server"]
    if request.headers.get("host") != f"{host}:{port}":
        raise HTTPException(421, f"only requests to {host}:{port} are answered here")
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _JSON:
        raise HTTPException(415, f"the content type must be {_JSON}")


def _check_sender(request: Request, name: str, secret: str) -> None:
    login = b64encode(f"{name}:{secret}".encode())
    sent = request.headers.get("authorization", "").encode()
    if not compare_digest(sent, b"Basic " + login):
        raise HTTPException(
            401, f"this is not {name}: use its LC_SERVER", {"WWW-Authenticate": "Basic"}
        )


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(_SECONDS_TO_SEND):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _LONGEST_BODY:
                    raise HTTPException(413, f"the message is longer than {_LONGEST_BODY} bytes")
    except TimeoutError:
        raise HTTPException(408, f"the message took longer than {_SECONDS_TO_SEND:g} s") from None
    except ClientDisconnect:
        raise HTTPException(400, "the message ends in the middle") from None
    return bytes(body)


def _report(body: bytes) -> WorkerReport:
    try:
        return WorkerReport.model_validate(from_json(body, allow_inf_nan=False))
    except ValueError as error:
        raise HTTPException(400, f"the message cannot be read: {error}") from error


def _refuse(_: Request, error: Any) -> JSONResponse:
    """Answer an HTTPException in the LocalController's form, Starlette's own (404, 405) too."""
    # The server does not wait for the unread rest of a body.
    return _answer(
        error.status_code, error.detail, {**(error.headers or {}), "Connection": "close"}
    )


def _answer(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"Status": status, "Message": message}, status, headers)
