"""Pictures with mutated metadata, and mutated pictures: ``python -m tests.fuzz.pictures COUNT``.

Whatever is mutated in its EXIF block, a picture is used; whatever is mutated in its file, nothing
but ImageError comes out. One of eleven has its metadata mutated.
"""

import io
import struct
import sys
import traceback
import warnings
from collections.abc import Iterator
from functools import cache
from random import Random

import numpy as np
from PIL import Image

from backend.errors import ImageError
from backend.images.opening import open_image

__all__ = ["FORMATS", "check_file", "check_metadata", "encoded", "exif_block", "with_exif"]

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "MPO", "PNG", "PPM", "TIFF", "WEBP")
SIZE = (48, 40)

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_TAGS = (0x010F, 0x0110, 0x0112, 0x011A, 0x0128, 0x0131, 0x0132, 0x829A, 0x8769, 0x8825, 0x927C)
_WITH_EXIF = ("JPEG", "PNG", "WEBP")
_MODES = {
    "GIF": ("P", "L"),
    "JPEG": ("RGB", "L", "CMYK"),
    "PNG": ("RGB", "RGBA", "P", "I;16"),
    "PPM": ("RGB", "L"),
    "TIFF": ("RGB", "CMYK", "I", "F"),
}
_SLICE_PIXELS = 10**6


def main(count: int, seed: int) -> int:
    """Try so many pictures; return the number of findings."""
    warnings.simplefilter("ignore")
    random, findings, used = Random(seed), 0, 0  # noqa: S311 - the same mutants every time
    for number in range(count):
        try:
            if number % 11 == 0:
                check_metadata(random)
            else:
                used += check_file(random)
        except Exception:  # noqa: BLE001 - a finding
            findings += 1
            traceback.print_exc()
    sys.stdout.write(f"{count} pictures, {used} mutated files were used, {findings} findings\n")
    return findings


def check_metadata(random: Random) -> None:
    """Mutate a picture's EXIF block; fail unless the picture is used."""
    block = bytearray(exif_block(list(_odd_entries(random)), random.choice("<>")))
    for _ in range(random.choice([0, 0, 1, 3, 9])):
        block[random.randrange(len(block))] = random.randrange(256)
    del block[random.choice([len(block), len(block), random.randrange(8, len(block))]) :]
    picture = with_exif(random.choice(_WITH_EXIF), bytes(block))
    opened = open_image(picture)
    assert sorted(opened.size) == sorted(SIZE)
    assert opened.mode == "RGB"


def check_file(random: Random) -> bool:
    """Mutate a picture; return whether it was used still."""
    format_ = random.choice(FORMATS)
    content = bytearray(encoded(format_, random.choice(_MODES.get(format_, ("RGB",)))))
    for _ in range(random.choice([1, 2, 4, 16])):
        # Heads decide more than pixels.
        end = random.choice([64, 512, len(content)])
        content[random.randrange(min(end, len(content)))] = random.choice(
            [0, 255, random.getrandbits(8)]
        )
    if random.random() < 1 / 8:
        del content[random.randrange(len(content)) :]
    most, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, _SLICE_PIXELS
    try:
        return open_image(bytes(content)).mode == "RGB"
    except ImageError:
        return False
    finally:
        Image.MAX_IMAGE_PIXELS = most


@cache
def encoded(format_: str, mode: str = "RGB") -> bytes:
    """Return a small picture's file."""
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    if mode in {"I;16", "I", "F"}:
        dtype = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        image = Image.fromarray(pixels[:, :, 0].astype(dtype))
    buffer = io.BytesIO()
    options = {"save_all": True, "append_images": [image]} if format_ == "MPO" else {}
    image.convert(mode).save(buffer, format_, **options)
    return buffer.getvalue()


def exif_block(entries: list[tuple[int, int, int, bytes]], order: str = "<") -> bytes:
    """Return a block of entries: tag, type, count, and a value of any length."""
    count = len(entries)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, count)
    directory, values = b"", b""
    start = len(head) + 12 * count + 4
    for tag, kind, number, value in entries:
        if len(value) <= 4:
            place = value.ljust(4, b"\0")
        else:
            place = struct.pack(f"{order}I", start + len(values))
            values += value
        directory += struct.pack(f"{order}HHI", tag, kind, number) + place
    return head + directory + bytes(4) + values


def with_exif(format_: str, block: bytes) -> bytes:
    """Return a small picture's file with an EXIF block."""
    image = Image.open(io.BytesIO(encoded("PNG")))
    buffer = io.BytesIO()
    image.save(buffer, format_, exif=b"Exif\0\0" + block)
    return buffer.getvalue()


def _odd_entries(random: Random) -> Iterator[tuple[int, int, int, bytes]]:
    yield 0x0112, 3, 1, struct.pack(random.choice(["<H", ">H"]), random.randrange(10))
    for _ in range(random.randrange(1, 8)):
        kind = random.choice([*_SIZES, 0, 14, 255])
        number = random.choice([0, 1, 2, 3, 100, 2**31])
        value = random.randbytes(min(64, _SIZES.get(kind, 1) * number))
        yield random.choice([*_TAGS, random.randrange(2**16)]), kind, number, value


if __name__ == "__main__":
    sys.exit(min(1, main(int(sys.argv[1]), int(sys.argv[2]))))
