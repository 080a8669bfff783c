"""Many images decoded side by side, in their order, without keeping many in memory.

Threads, not processes: Pillow and NumPy let go of the interpreter's lock while they decode,
resize and normalise, and nothing has to be copied between processes.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from backend.errors import ImageError
from backend.images.opening import ImageSource, open_image
from backend.images.preprocessing import InputFormat, preprocess, short_side

__all__ = ["InputBatch", "OnUnreadable", "in_threads", "input_batches", "readable"]

OnUnreadable = Callable[[int, ImageError], None]
"""Told of each image that cannot be read: its position in the data, and why."""

S = TypeVar("S")
T = TypeVar("T")

_AHEAD = 32
"""Images that are decoded before they are asked for, at most: 19 MB of inputs of 224 pixels."""


class InputBatch(NamedTuple):
    """The network's inputs of some images."""

    positions: list[int]
    """Of those images in the data, ascending."""
    inputs: NDArray[np.float32]
    """(N, channels, S, S), preprocessed."""


def in_threads(function: Callable[[S], T], items: Iterable[S]) -> Generator[T, None, None]:
    """Yield ``function`` of each item, in order, computed up to `_AHEAD` items ahead.

    What ``function`` raises is raised in its item's turn. Closing the generator ends the threads.
    """
    pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="decode")
    try:
        for future in _ahead(pool.submit(function, item) for item in items):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def input_batches(
    images: Sequence[ImageSource],
    input_format: InputFormat,
    batch_size: int,
    on_unreadable: OnUnreadable | None = None,
) -> Iterator[InputBatch]:
    """Yield the preprocessed images in batches, all but the last of ``batch_size``.

    With ``on_unreadable`` an image that cannot be read is reported to it, in the caller's
    thread, and left out. Without it ImageError is raised.
    """
    with closing(
        _decoded(images, lambda image: preprocess(image, input_format), on_unreadable)
    ) as inputs:
        while chunk := list(islice(inputs, batch_size)):
            positions, batch = zip(*chunk, strict=True)
            yield InputBatch(list(positions), np.stack(batch))


def readable(
    images: Sequence[ImageSource], input_size: int, on_unreadable: OnUnreadable
) -> list[int]:
    """Return the positions of the images that can be read; the others are reported.

    They are decoded as for inputs of ``input_size`` pixels, which takes no more memory and time.
    """
    least = short_side(input_size)
    sizes = _decoded(images, lambda image: open_image(image, at_least=least).size, on_unreadable)
    return [position for position, _ in sizes]


def _decoded(
    images: Sequence[ImageSource],
    decode: Callable[[ImageSource], T],
    on_unreadable: OnUnreadable | None,
) -> Generator[tuple[int, T], None, None]:
    def attempt(image: ImageSource) -> T | ImageError:
        try:
            return decode(image)
        except ImageError as error:
            return error

    with closing(in_threads(attempt, images)) as attempts:
        for position, decoded in enumerate(attempts):
            if not isinstance(decoded, ImageError):
                yield position, decoded
            elif on_unreadable is None:
                raise decoded
            else:
                on_unreadable(position, decoded)


def _ahead(futures: Iterator[Future[T]]) -> Iterator[Future[T]]:
    """Yield the futures, the oldest first, with `_AHEAD` more on their way."""
    waiting = deque(islice(futures, _AHEAD))
    while waiting:
        yield waiting.popleft()
        waiting.extend(islice(futures, 1))
