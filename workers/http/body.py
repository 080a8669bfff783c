"""Reads a request's body within limits of size and time."""

import asyncio
import zlib
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from typing import NamedTuple

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from workers.http.capacity import Capacity
from workers.http.refusals import RequestError, SlowRequestError, TooLargeError

__all__ = ["BodyReader", "Upload", "read_upload"]

_MULTIPART = "multipart/form-data"
_TOGETHER = 4
_STEP = 64 * 1024
_MOST_DIGITS = 18
_WINDOW_BITS = {"deflate": zlib.MAX_WBITS, "gzip": zlib.MAX_WBITS + 16}


class Upload(NamedTuple):
    """An uploaded file."""

    name: str
    content: bytes


class BodyReader:
    """Reads bodies, and holds at most four of the largest in memory at a time."""

    def __init__(self, limit: int, timeout: float) -> None:
        """Accept bodies of up to ``limit`` bytes that arrive within ``timeout`` seconds."""
        self._limit = limit
        self._timeout = timeout
        self._capacity = Capacity(_TOGETHER * limit, "bytes")

    @asynccontextmanager
    async def reading(self, request: Request) -> AsyncGenerator[bytes, None]:
        """Yield the body, decompressed; its memory counts while the block runs.

        Raises TooLargeError, OverloadedError, SlowRequestError or RequestError.
        """
        with ExitStack() as memory:
            yield await self._read(request, memory)

    async def _read(self, request: Request, memory: ExitStack) -> bytes:
        length = request.headers.get("Content-Length", "")
        self._check(int(length) if length.isdecimal() and len(length) < _MOST_DIGITS else 0)
        parts, size, held = [], 0, 0
        try:
            async with asyncio.timeout(self._timeout):
                async for part in _decompressed(request):
                    parts.append(part)
                    size += len(part)
                    self._check(size)
                    while held < size:
                        step = min(_STEP, self._limit - held)
                        memory.enter_context(self._capacity.taken(step))
                        held += step
        except TimeoutError:
            raise SlowRequestError(
                f"The body did not arrive within {self._timeout:g} s: send it faster."
            ) from None
        except ClientDisconnect:
            raise RequestError("The connection was closed before the body had arrived.") from None
        except zlib.error:
            raise RequestError("The body is not compressed as its Content-Encoding says.") from None
        return b"".join(parts)

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise TooLargeError(
                f"The body is larger than {self._limit // 1024**2} MiB: send less at a time."
            )


async def _decompressed(request: Request) -> AsyncGenerator[bytes, None]:
    """Yield the body in parts; decompressed ones are small, because a few bytes can be many."""
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding == "identity":
        async for chunk in request.stream():
            yield chunk
        return
    if encoding not in _WINDOW_BITS:
        raise RequestError(f"Content-Encoding {encoding} is not supported: use gzip or deflate.")
    decompressor = zlib.decompressobj(_WINDOW_BITS[encoding])
    async for chunk in request.stream():
        while chunk:
            yield decompressor.decompress(chunk, _STEP)
            chunk = decompressor.unconsumed_tail  # noqa: PLW2901 - what is left of it
    if not decompressor.eof:
        raise RequestError("The compressed body ends too early.")


class _InMemoryParser(MultiPartParser):
    """The body is already in memory, and the container's file system is read-only."""

    spool_max_size = 0


async def read_upload(request: Request, body: bytes) -> Upload:
    """Return the file in a body: the body itself, or a form's one file.

    Raises RequestError for a form without one.
    """
    if not request.headers.get("Content-Type", "").startswith(_MULTIPART):
        return Upload("picture", body)
    try:
        form = await _InMemoryParser(request.headers, _in_parts(body), max_files=1).parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise RequestError(f"The form cannot be read ({error}): send one file.") from None
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    if not files:
        raise RequestError("The form has no file: send one, as in `curl -F file=@dog.jpg`.")
    content = await files[0].read()
    await form.close()
    return Upload(files[0].filename or "picture", content)


async def _in_parts(body: bytes) -> AsyncGenerator[bytes, None]:
    """Yield the body in parts, so that other requests are answered while it is parsed."""
    for start in range(0, len(body), _STEP):
        yield body[start : start + _STEP]
        await asyncio.sleep(0)
