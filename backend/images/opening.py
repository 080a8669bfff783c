"""Where every picture enters: its format, size, orientation, depth, and what may go wrong.

Pictures come from cameras and from strangers. Only the documented formats are opened: Pillow's
others go as far as running Ghostscript. Metadata never cost a picture: of EXIF only the
orientation is read, and ignored if it cannot be. Whatever a decoder raises is an ImageError.
"""

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.ExifTags import Base
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    PHOTOMETRIC_INTERPRETATION,
    SAMPLEFORMAT,
    TiffImageFile,
)

from backend.errors import ImageError
from backend.memory import release_free_memory

__all__ = [
    "FORMATS",
    "MOST_ASPECT",
    "MOST_BYTES",
    "MOST_PIXELS",
    "Header",
    "ImageSource",
    "open_image",
    "opened",
    "read_header",
]

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Pillow's names of the formats that are taken; PPM stands for PBM and PGM, too."""

MOST_PIXELS = 89_478_485
"""Of a picture, and fewer if one takes more than 8 bytes; Pillow only warns of up to twice as many.
"""

MOST_ASPECT = 50
"""Of a picture's sides: scaled up to what a network takes, a narrow strip would fill the memory."""

MOST_BYTES = 64 * 2**20
"""Of a file, unless told otherwise: parts of it are read as large as they say they are."""

ImageSource = str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8] | list[Any]
"""A file's path, an encoded image, a Pillow image, or RGB pixels (H, W, 3) as uint8.

Pixels may be nested lists of whole numbers from 0 to 255, as JSON has them.
"""

_USUAL_BYTES_PER_PIXEL = 8
_RGB_AXES = 3
_LARGE_PIXELS = 4_000_000
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SCALED = {"JPEG", "MPO"}
_BYTES_PER_PIXEL = {"AVIF": 10, "WEBP": 18}
_EXIF = b"Exif"
_HEAD_BYTES = 2**16
_HEIC_MARK = slice(4, 12)
_HEIC_BRANDS = {b"ftyp" + brand for brand in (b"heic", b"heix", b"hevc", b"heim", b"mif1")}
_LONGEST = 32
_SIGNED = 2  # TIFF's SampleFormat
_WHITE_IS_ZERO = 0  # TIFF's PhotometricInterpretation
_SCALES = (1.0, 2.0**8, 2.0**16, 2.0**32)
"""What white may be where the file does not say."""

_large = RLock()


class Header(NamedTuple):
    """What a picture says of itself."""

    width: int
    height: int
    format: str
    """One of `FORMATS`, or MPO: a JPEG file with several pictures."""
    bytes_per_pixel: int
    """What decoding it takes where `opened` is told ``at_least``, to a tenth (measured)."""


def read_header(
    source: str | os.PathLike[str] | bytes, *, most_bytes: int | None = MOST_BYTES
) -> Header:
    """Return an encoded picture's size and format without decoding it.

    Raises ImageError for what is not a picture, or not in one of `FORMATS`, or in a file of more
    than ``most_bytes``.
    """
    with _explained(source), _encoded(source, most_bytes) as image:
        return Header(*image.size, str(image.format), _bytes_per_pixel(image))


@contextmanager
def opened(
    source: ImageSource, *, at_least: int | None = None, most_bytes: int | None = MOST_BYTES
) -> Iterator[Image.Image]:
    """Yield the picture, upright and in RGB; it is closed after the block.

    Pictures of more than 4 million pixels are open one at a time in the whole process, so that
    memory stays bounded; `Header` tells what each takes.

    Args:
        source: The picture.
        at_least: A JPEG file whose short side, in pixels, is twice that or more comes at a
            fraction of its size, which is faster; its short side is never below that.
        most_bytes: The largest file that is read; None: the caller knows its size.

    Raises:
        ImageError: the picture cannot be read or decoded; the message names its file.
    """
    with ExitStack() as stack:
        with _explained(source):
            picture = _decoded(source, at_least, most_bytes, stack)
        try:
            yield picture
        finally:
            if picture is not source:
                picture.close()


def open_image(source: ImageSource, *, at_least: int | None = None) -> Image.Image:
    """Return the picture as `opened` yields it, of a file of any size."""
    with _explained(source), ExitStack() as stack:
        return _decoded(source, at_least, None, stack)


@contextmanager
def _alone() -> Iterator[None]:
    """Keep other large pictures waiting until this one's memory is free."""
    with _large:
        try:
            yield
        finally:
            release_free_memory()


@contextmanager
def _explained(source: ImageSource) -> Iterator[None]:
    """Raise ImageError for whatever is raised in the block: Pillow's decoders raise anything."""
    try:
        yield
    except FileNotFoundError:
        raise ImageError(f"{_name(source)}: there is no such image.") from None
    except Exception as error:
        raise ImageError(
            f"{_name(source)}: cannot be read as an image ({error}): replace or remove it."
        ) from error


def _decoded(
    source: ImageSource, at_least: int | None, most_bytes: int | None, stack: ExitStack
) -> Image.Image:
    """Return the picture; a large one's turn is held on the stack."""
    if isinstance(source, list):
        return _from_pixels(_from_lists(source))
    if isinstance(source, np.ndarray):
        return _from_pixels(source)
    if isinstance(source, Image.Image):
        return _upright(_in_rgb(source), _orientation(source))
    with _encoded(source, most_bytes) as image:
        if at_least:
            image.draft(None, (at_least, at_least))
        if image.width * image.height > _LARGE_PIXELS:
            stack.enter_context(_alone())
        orientation = _orientation(image)
        image.load()
        image.info.clear()  # it may be more than another file can hold
        is_large = image.width * image.height > _LARGE_PIXELS
        factor = max(1, min(image.size) // at_least) if at_least and is_large else 1
        if image.mode == "RGBA":
            # Channel by channel, because there may be no room for a copy of all.
            rgb = Image.merge("RGB", [image.getchannel(band).reduce(factor) for band in "RGB"])
        else:
            rgb = _in_rgb(image)
    del image  # its memory may be needed to turn the picture
    if orientation in _TURNS and factor > 1:
        rgb = rgb.reduce(max(1, min(rgb.size) // (at_least or 1)))
    return _upright(rgb, orientation)


@contextmanager
def _encoded(
    source: str | os.PathLike[str] | bytes, most_bytes: int | None
) -> Iterator[Image.Image]:
    with io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb") as file:
        if most_bytes and isinstance(file, io.BufferedReader):
            size = os.fstat(file.fileno()).st_size
            if size > most_bytes:
                raise ValueError(f"{size} bytes, more than {most_bytes}")
        with _identified(file) as image:
            _check_size(image)
            try:
                yield image
            except Exception:
                image.close()  # which the error's traceback would keep
                raise


def _identified(file: BinaryIO) -> Image.Image:
    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        file.seek(0)
        head = file.read(_HEAD_BYTES)
    # Some values in an EXIF block keep Pillow from opening the picture at all.
    if _EXIF in head:
        with suppress(UnidentifiedImageError):
            unmarked = head.replace(_EXIF, bytes(len(_EXIF))) + file.read()
            return Image.open(io.BytesIO(unmarked), formats=FORMATS)
    is_heic = head[_HEIC_MARK] in _HEIC_BRANDS
    raise ValueError("HEIC is not supported, save it as JPEG" if is_heic else "not an image")


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    most = MOST_PIXELS * min(1, _USUAL_BYTES_PER_PIXEL / _bytes_per_pixel(image))
    if width * height > most:
        raise ValueError(
            f"{width}x{height} pixels, more than {most / 1e6:.3g} million of such a {image.format}"
        )
    if max(width, height) > MOST_ASPECT * min(width, height):
        raise ValueError(f"{width}x{height} pixels: its sides differ more than {MOST_ASPECT}-fold")


def _bytes_per_pixel(image: Image.Image) -> int:
    if image.format in _SCALED and not image.info.get("progressive"):
        return 1
    if image.format in _BYTES_PER_PIXEL:
        return _BYTES_PER_PIXEL[image.format]
    if image.mode in {"F", "I"}:
        return 14
    return 4 if image.mode == "RGB" and image.format != "TIFF" else 8


def _orientation(image: Image.Image) -> int:
    """Return how the camera turned the picture, as EXIF numbers it, or 1 if nothing says so."""
    tags: Mapping[int, Any]
    with suppress(Exception):
        if isinstance(image, TiffImageFile):
            tags = image.tag_v2
            orientation = int(tags.get(Base.Orientation, 1))
            _forget_exif(image)
        else:
            orientation = int(image.getexif().get(Base.Orientation, 1))
        return orientation
    return 1


def _forget_exif(image: TiffImageFile) -> None:
    """Keep Pillow from turning the picture on loading: it would write all of EXIF again."""
    with suppress(Exception):
        image.getexif()
    tags = image.getexif()
    for tag in list(tags):
        del tags[tag]


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _in_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode == "F" or image.mode.startswith("I"):
        # Pillow would cut off greys above 255.
        image = Image.fromarray(_eight_bits(image))
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> NDArray[np.uint8]:
    """Return greys of more bits, or of fractions, as 0 to 255; half of white is 128."""
    levels = np.asarray(image)
    tags: Mapping[int, Any] = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    bits = _bits(image, tags)
    if bits and levels.dtype.kind != "f":
        if bits == _LONGEST:
            levels = levels.view(np.uint32)  # which Pillow reads as signed
        levels = levels >> (bits - 8)
    else:
        levels = np.where(np.isfinite(levels), levels, 0)
        brightest = levels.max()
        white = next((scale for scale in _SCALES if brightest <= scale), brightest)
        levels = levels * (256 / white)
    greys: NDArray[np.uint8] = np.clip(levels, 0, 255, out=levels).astype(np.uint8)
    return ~greys if tags.get(PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO else greys


def _bits(image: Image.Image, tags: Mapping[int, Any]) -> int:
    """Return the bits of the highest grey, 0 if nothing says so."""
    if tags:
        is_signed = tags.get(SAMPLEFORMAT, (1,))[0] == _SIGNED
        bits: int = tags[BITSPERSAMPLE][0] - is_signed
        return bits
    # Pillow stretches the greys of a PGM file to 16 bits.
    return 16 if image.mode.startswith("I;16") or image.format == "PPM" else 0


def _from_pixels(pixels: NDArray[np.uint8]) -> Image.Image:
    if not pixels.size:
        raise ValueError(f"pixels are {pixels.shape}: there are none")
    if pixels.dtype != np.uint8 or pixels.ndim != _RGB_AXES or pixels.shape[2] != _RGB_AXES:
        raise ValueError(f"pixels are {pixels.dtype}{pixels.shape}, not uint8 (H, W, 3)")
    return Image.fromarray(pixels)


def _from_lists(source: list[Any]) -> NDArray[np.uint8]:
    values = np.asarray(source)
    pixels: NDArray[np.uint8] = values.astype(np.uint8)
    if not np.array_equal(pixels, values):
        raise ValueError("pixels are not whole numbers from 0 to 255")
    return pixels


def _name(source: ImageSource) -> str:
    if isinstance(source, str | os.PathLike):
        return os.fsencode(source).decode(errors="backslashreplace")
    return "an image in memory"
