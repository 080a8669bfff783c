"""Turns encoded pictures into the network's input, with limits on what clients can send."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.images.opening import Header, read_header
from backend.images.preprocessing import InputFormat, preprocess
from workers.http.refusals import TooLargeError

__all__ = ["DecodedPicture", "ImageReader", "check_picture"]

_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg"}  # MPO: a JPEG file with several pictures
_USUAL_BYTES_PER_PIXEL = 8
_LARGE_PIXELS = 4_000_000
_MOST_THREADS = 4  # each decodes up to as many pixels


class DecodedPicture(NamedTuple):
    """A picture in the form that the network takes."""

    input: NDArray[np.float32]
    """(channels, S, S)."""
    suffix: str
    """The file name suffix of the picture's format."""


def check_picture(header: Header, largest_pixels: float) -> None:
    """Refuse pictures that would exhaust the memory when decoded.

    Raises TooLargeError for more than ``largest_pixels``, or fewer if a pixel takes more than
    the usual 8 bytes.
    """
    width, height = header.width, header.height
    most = largest_pixels * _USUAL_BYTES_PER_PIXEL / header.bytes_per_pixel
    if width * height > most:
        raise TooLargeError(
            f"The picture has {width} x {height} pixels: at most {most / 1e6:.3g} million are "
            f"taken as such a {header.format}."
        )


class ImageReader:
    """Decodes pictures in threads; large ones one at a time, so that memory stays bounded."""

    def __init__(self, input_format: InputFormat, *, largest_pixels: float) -> None:
        """Produce a network's inputs; refuse pictures of more than ``largest_pixels``."""
        self._input_format = input_format
        self._largest_pixels = largest_pixels
        threads = min(len(os.sched_getaffinity(0)), _MOST_THREADS)
        self._small = ThreadPoolExecutor(threads, thread_name_prefix="decoder")
        # Always the same thread: the allocator keeps what a thread has freed for that thread.
        self._large = ThreadPoolExecutor(1, thread_name_prefix="large-decoder")

    async def read(self, picture: bytes) -> DecodedPicture:
        """Return the input of an encoded picture.

        Raises ImageError if it cannot be read as a picture of an accepted format, and
        TooLargeError if it has too many pixels.
        """
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(self._small, self._small_or_header, picture)
        if isinstance(result, DecodedPicture):
            return result
        return await loop.run_in_executor(self._large, self._decode, picture, result)

    def close(self) -> None:
        """Finish the pictures being decoded and end the threads."""
        self._small.shutdown()
        self._large.shutdown()

    def _small_or_header(self, picture: bytes) -> DecodedPicture | Header:
        """Return the input of a small picture, or only the header of a large one."""
        header = read_header(picture)
        check_picture(header, self._largest_pixels)
        is_large = header.width * header.height >= _LARGE_PIXELS
        return header if is_large else self._decode(picture, header)

    def _decode(self, picture: bytes, header: Header) -> DecodedPicture:
        suffix = _SUFFIXES.get(header.format, f".{header.format.lower()}")
        return DecodedPicture(preprocess(picture, self._input_format), suffix)
