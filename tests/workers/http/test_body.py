"""Bodies within bounds of size, time and memory, compressed or not."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial

import pytest
from starlette.requests import Request

from workers.http.body import BodyReader
from workers.http.refusals import OverloadedError, RequestError, TooLargeError

LIMIT = 1024**2
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "deflate": zlib.compress,
    "gzip": partial(gzip.compress, mtime=0),
    "identity": bytes,
}
BODY = b"0123456789abcdef" * 60_000


def request_of(*chunks: bytes, **headers: str) -> Request:
    waiting: Iterator[bytes] = iter(chunks)

    async def receive() -> dict[str, object]:
        chunk = next(waiting, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": raw}, receive)


def in_chunks(content: bytes) -> list[bytes]:
    return [content[start : start + 1000] for start in range(0, len(content), 1000)]


@pytest.fixture
def bodies() -> BodyReader:
    return BodyReader(LIMIT, timeout=5)


@pytest.mark.parametrize("encoding", ["identity", "gzip", "deflate", "GZIP"])
async def test_a_compressed_body_is_the_body(bodies: BodyReader, encoding: str) -> None:
    pack = PACKED[encoding.lower()]
    chunks = in_chunks(pack(BODY))
    async with bodies.reading(request_of(*chunks, content_encoding=encoding)) as body:
        assert body == BODY


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_that_becomes_too_large_is_given_up_early(
    bodies: BodyReader, encoding: str
) -> None:
    pack = PACKED[encoding]
    bomb = pack(bytes(100 * LIMIT))
    with pytest.raises(TooLargeError, match="1 MiB"):
        async with bodies.reading(request_of(bomb, content_encoding=encoding)):
            pass


@pytest.mark.parametrize(
    ("content", "encoding"),
    [(b"x", "gzip"), (gzip.compress(BODY)[:-9], "gzip"), (b"x", "br"), (b"", "deflate")],
)
async def test_what_is_not_compressed_as_it_says_is_refused(
    bodies: BodyReader, content: bytes, encoding: str
) -> None:
    with pytest.raises(RequestError):
        async with bodies.reading(request_of(content, content_encoding=encoding)):
            pass


async def test_memory_counts_as_it_arrives_and_not_as_it_is_announced(bodies: BodyReader) -> None:
    async with AsyncExitStack() as held:
        for _ in range(40):
            await held.enter_async_context(
                bodies.reading(request_of(b"x", content_length=str(LIMIT)))
            )
        async with bodies.reading(request_of(BODY)) as body:
            assert body == BODY


async def test_four_of_the_largest_are_held_and_given_back(bodies: BodyReader) -> None:
    largest = bytes(LIMIT)
    async with AsyncExitStack() as held:
        for _ in range(4):
            await held.enter_async_context(bodies.reading(request_of(largest)))
        with pytest.raises(OverloadedError):
            await held.enter_async_context(bodies.reading(request_of(b"x")))
    async with bodies.reading(request_of(largest)) as body:
        assert body == largest
