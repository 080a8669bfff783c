"""The LocalController's HTTP endpoint: it takes the workers' messages.

It answers as the LocalController does: 400 to bad JSON and to a name that is not the path's,
415 to anything but JSON, 200 to all else, also to a message of a job that it does not know.
Beyond that it has bounds: 413 to a body of more than 16 MiB, 408 to one that takes longer than
10 s, and 421 to any other Host than its own address, which keeps a web page out whose name was
pointed at this machine.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from backend.errors import TemporaryError
from workers.contract import message_path

__all__ = ["HOST", "Report", "application", "bind", "serve"]

HOST = "127.0.0.1"
_JSON = "application/json"
_LONGEST_BODY = 16 * 1024**2
"""The confusion matrices of two models of a thousand classes take 10 MiB."""
_SECONDS_TO_SEND = 10.0


class Report(BaseModel):
    """A worker's message, with whatever results it holds: the LocalController checks none."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    name: str
    namespace: str = ""
    owner_name: str = Field(default="", alias="ownerName")
    owner_kind: str = Field(default="", alias="ownerKind")
    kind: str = ""
    status: str = ""
    results: list[dict[str, Any]] | None = None


def application(receive: Callable[[Report], None]) -> Starlette:
    """Return the endpoint; each well-formed message goes to ``receive`` before it is answered.

    A TemporaryError of ``receive`` is answered with 503, at which a worker sends it again.
    """

    async def info(request: Request) -> JSONResponse:
        _check_head(request)
        report = _report(await _body(request))
        if report.name != request.path_params["name"]:
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


def bind(port: int) -> socket.socket:
    """Return a socket on this machine's ``port``, or on a free one if that is 0.

    Raises:
        TemporaryError: the port is taken.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
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
        http="h11",  # bounds a request's head, which httptools does not
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


def _report(body: bytes) -> Report:
    try:
        return Report.model_validate(from_json(body, allow_inf_nan=False))
    except ValueError as error:
        raise HTTPException(400, f"the message cannot be read: {error}") from error


def _refuse(_: Request, error: Any) -> JSONResponse:
    """Answer an HTTPException in the LocalController's form, Starlette's own (404, 405) too."""
    # The rest of a body that is not read is not waited for either.
    return _answer(
        error.status_code, error.detail, {**(error.headers or {}), "Connection": "close"}
    )


def _answer(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"Status": status, "Message": message}, status, headers)
