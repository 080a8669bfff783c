"""Many images decoded side by side, in their order, without keeping many in memory.

Threads, not processes: Pillow and NumPy let go of the interpreter's lock while they decode,
resize and normalise, and nothing has to be copied between processes.
"""

import os
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from backend.errors import ImageError
from backend.images.opening import ImageSource, open_image
from backend.images.preprocessing import (
    InputFormat,
    cropped,
    normalise,
    randomly_cropped,
    short_side,
)

__all__ = [
    "DecodedOnce",
    "InputBatch",
    "OnUnreadable",
    "RandomCrops",
    "in_threads",
    "input_batches",
    "readable",
]

OnUnreadable = Callable[[int, ImageError], None]
"""Told of each image that cannot be read: its position in the data, and why."""

S = TypeVar("S")
T = TypeVar("T")

_AHEAD = 32
"""Images that are decoded before they are asked for, at most: 19 MB of inputs of 224 pixels."""

_MOST_KEPT = 96 * 1024**2
"""Bytes of pixels: 640 images of 224 pixels."""


class _OwnPixels(Sequence[ImageSource]):
    """Images whose pixels `input_batches` takes from ``cropped``."""

    def __init__(self, images: Sequence[ImageSource]) -> None:
        self._images = images

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._images)

    def __getitem__(self, index: Any) -> Any:
        """Return an image, or a part of them."""
        return self._images[index]

    @abstractmethod
    def cropped(self, position: int, size: int) -> NDArray[np.uint8]:
        """Return the pixels (size, size, 3) of one of them; raises ImageError."""


class DecodedOnce(_OwnPixels):
    """Images about which several models are asked: they are decoded for the first one only.

    `input_batches` keeps their pixels, as far as they fit; a file that changes is not read again.
    """

    def __init__(self, images: Sequence[ImageSource], *, most_bytes: int = _MOST_KEPT) -> None:
        """Stand for ``images``, and keep up to ``most_bytes`` of pixels."""
        super().__init__(images)
        self._room = most_bytes
        self._kept: dict[tuple[int, int], NDArray[np.uint8]] = {}

    def cropped(self, position: int, size: int) -> NDArray[np.uint8]:
        """Return what `backend.images.preprocessing.cropped` does of one of them."""
        pixels = self._kept.get((position, size))
        if pixels is None:
            pixels = cropped(self._images[position], size)
            if pixels.nbytes <= self._room:
                self._room -= pixels.nbytes
                self._kept[position, size] = pixels
        return pixels


class RandomCrops(_OwnPixels):
    """Images of which `input_batches` takes random parts instead of the centres."""

    def __init__(self, images: Sequence[ImageSource], seed: int) -> None:
        """Stand for ``images``; equal seeds give equal parts."""
        super().__init__(images)
        self._seed = seed

    def cropped(self, position: int, size: int) -> NDArray[np.uint8]:
        """Return what `backend.images.preprocessing.randomly_cropped` does of one of them."""
        return randomly_cropped(self._images[position], size, [self._seed, position])


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
    size, normalisation = input_format.size, input_format.normalisation

    def prepare(position: int, image: ImageSource) -> NDArray[np.float32]:
        if isinstance(images, _OwnPixels):
            return normalise(images.cropped(position, size), normalisation)
        return normalise(cropped(image, size), normalisation)

    with closing(_decoded(images, prepare, on_unreadable)) as inputs:
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
    sizes = _decoded(images, lambda _, image: open_image(image, at_least=least).size, on_unreadable)
    return [position for position, _ in sizes]


def _decoded(
    images: Sequence[ImageSource],
    decode: Callable[[int, ImageSource], T],
    on_unreadable: OnUnreadable | None,
) -> Generator[tuple[int, T], None, None]:
    def attempt(numbered: tuple[int, ImageSource]) -> T | ImageError:
        try:
            return decode(*numbered)
        except ImageError as error:
            return error

    with closing(in_threads(attempt, enumerate(images))) as attempts:
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
