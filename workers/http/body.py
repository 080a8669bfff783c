"""Reads a request's body within bounds of size and time."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from workers.http.capacity import Capacity
from workers.http.refusals import RequestError, SlowRequestError, TooLargeError

__all__ = ["BodyReader", "Upload", "read_upload"]

_MULTIPART = "multipart/form-data"
_TOGETHER = 4


class Upload(NamedTuple):
    """A file that was sent."""

    name: str
    content: bytes


class BodyReader:
    """Holds at most four of the largest bodies at a time."""

    def __init__(self, limit: int, timeout: float) -> None:
        """Take bodies of up to ``limit`` bytes that arrive within ``timeout`` seconds."""
        self._limit = limit
        self._timeout = timeout
        self._capacity = Capacity(_TOGETHER * limit, "bytes")

    @contextmanager
    def room(self, request: Request) -> Iterator[None]:
        """Make room for the request's body while the block runs.

        Raises TooLargeError or OverloadedError before any of it is read.
        """
        with self._capacity.taken(self._announced(request)):
            yield

    async def read(self, request: Request) -> bytes:
        """Return the body; raises TooLargeError, SlowRequestError or RequestError."""
        if encoding := request.headers.get("Content-Encoding"):
            raise RequestError(f"Content-Encoding {encoding} is not taken: send the body as it is.")
        chunks, size = [], 0
        try:
            async with asyncio.timeout(self._timeout):
                async for chunk in request.stream():
                    chunks.append(chunk)
                    size += len(chunk)
                    self._check(size)
        except TimeoutError:
            raise SlowRequestError(
                f"The body did not arrive within {self._timeout:g} s: send it faster."
            ) from None
        except ClientDisconnect:
            raise RequestError("The connection was closed before the body had arrived.") from None
        return b"".join(chunks)

    def _announced(self, request: Request) -> int:
        """Return the body's length, or the longest there can be if it is sent in chunks."""
        length = request.headers.get("Content-Length", "")
        size = int(length) if length.isdecimal() else self._limit
        self._check(size)
        return size

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise TooLargeError(
                f"The body is larger than {self._limit // 1024**2} MiB: send less at a time."
            )


class _InMemoryParser(MultiPartParser):
    """The body is in memory already, and the container's file system is for reading only."""

    spool_max_size = 0


async def read_upload(request: Request, body: bytes) -> Upload:
    """Return the file in a body: the body itself, or a form's one file.

    Raises RequestError for a form without one.
    """
    if not request.headers.get("Content-Type", "").startswith(_MULTIPART):
        return Upload("picture", body)
    try:
        form = await _InMemoryParser(request.headers, _once(body), max_files=1).parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise RequestError(f"The form cannot be read ({error}): send one file.") from None
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    if not files:
        raise RequestError("The form has no file: send one, as in `curl -F file=@dog.jpg`.")
    content = await files[0].read()
    await form.close()
    return Upload(files[0].filename or "picture", content)


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
