"""The LocalController's HTTP endpoint: it takes the workers' messages.

It answers as the LocalController does: 400 to bad JSON and to a name that is not the path's,
415 to anything but JSON, 200 to all else, also to a message of a job that it does not know.
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
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from backend.errors import TemporaryError
from workers.contract import message_path

__all__ = ["HOST", "Report", "application", "bind", "serve"]

HOST = "127.0.0.1"
_JSON = "application/json"


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
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != _JSON:
            return _answer(415, f"the content type must be {_JSON}")
        try:
            body = from_json(await request.body(), allow_inf_nan=False)
            report = Report.model_validate(body)
        except ValueError as error:
            return _answer(400, f"the message cannot be read: {error}")
        if report.name != request.path_params["name"]:
            return _answer(400, f"the message is of {report.name}, not of the worker in the path")
        try:
            receive(report)
        except TemporaryError as error:
            return _answer(503, str(error))
        return _answer(200, "OK")

    return Starlette(routes=[Route(message_path("{name}"), info, methods=["POST"])])


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
        app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
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


def _answer(status: int, message: str) -> JSONResponse:
    return JSONResponse({"Status": status, "Message": message}, status_code=status)
