"""From an encoded picture to the network's input, with bounds on what a stranger can send."""

import asyncio
import io
import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.errors import ImageError
from backend.images.preprocessing import preprocess
from workers.http.refusals import TooLargeError

__all__ = ["FORMATS", "DecodedPicture", "ImageReader", "check_shape"]

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
"""Pillow's names of the formats that are taken over HTTP."""

_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg"}  # MPO: a JPEG file with several pictures
_WEIGHTS = {"WEBP": 2}  # its decoder takes twice the memory for a pixel
_LONGEST_ASPECT = 50
_LARGE_PIXELS = 4_000_000
_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)


class DecodedPicture(NamedTuple):
    """A picture as the network takes it."""

    input: NDArray[np.float32]
    """(3, S, S)."""
    suffix: str
    """Of a file in the picture's format."""


class _Header(NamedTuple):
    width: int
    height: int
    format: str

    @property
    def suffix(self) -> str:
        return _SUFFIXES.get(self.format, f".{self.format.lower()}")


def check_shape(width: int, height: int) -> None:
    """Raise ImageError for a strip so narrow that scaling its short side up fills the memory."""
    if max(width, height) > _LONGEST_ASPECT * min(width, height):
        raise ImageError(
            f"The picture has {width} x {height} pixels: its sides must not differ more than "
            f"{_LONGEST_ASPECT}-fold."
        )


class ImageReader:
    """Decodes pictures in threads; large ones one at a time, so that memory stays bounded."""

    def __init__(self, input_size: int, *, largest_pixels: float) -> None:
        """Make inputs of ``input_size`` pixels; refuse pictures of more than ``largest_pixels``."""
        self._input_size = input_size
        self._largest_pixels = largest_pixels
        cores = len(os.sched_getaffinity(0))
        self._small = ThreadPoolExecutor(cores, thread_name_prefix="decoder")
        # Always the same thread: the allocator keeps what a thread has freed for that thread.
        self._large = ThreadPoolExecutor(1, thread_name_prefix="large-decoder")

    async def read(self, picture: bytes) -> DecodedPicture:
        """Return the input of an encoded picture.

        Raises ImageError for what is none that is taken, TooLargeError for too many pixels.
        """
        header = _header(picture)
        self._check(header)
        is_large = header.width * header.height >= _LARGE_PIXELS
        input_ = await asyncio.get_running_loop().run_in_executor(
            self._large if is_large else self._small, preprocess, picture, self._input_size
        )
        return DecodedPicture(input_, header.suffix)

    def close(self) -> None:
        """Finish what is being decoded, and end the threads."""
        self._small.shutdown()
        self._large.shutdown()

    def _check(self, header: _Header) -> None:
        most = self._largest_pixels / _WEIGHTS.get(header.format, 1)
        if header.width * header.height > most:
            raise TooLargeError(
                f"The picture has {header.width} x {header.height} pixels: send at most "
                f"{most / 1e6:g} million as {header.format}."
            )
        check_shape(header.width, header.height)


def _header(picture: bytes) -> _Header:
    try:
        with Image.open(io.BytesIO(picture), formats=FORMATS) as image:
            return _Header(*image.size, str(image.format))
    except _BOMB:
        raise TooLargeError("The picture has far too many pixels: send a smaller one.") from None
    except Exception as error:
        # Pillow's plugins raise whatever a damaged header makes them raise.
        raise ImageError(
            f"The picture cannot be read: send one of {', '.join(FORMATS)}."
        ) from error
