"""Whatever file comes, it is answered with a result or what is wrong with it, soon and cheaply."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.workers.infer.conftest import Server, noise
from tests.workers.infer.http.worker import running, wait_until_ready

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "AVIF")
MOST_SECONDS = 2.0
MOST_BYTES = 500 * 10**6


def saved(image: Image.Image, format: str, **options: object) -> bytes:  # noqa: A002 - Pillow's name
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """Return a PNG file that says it is of that size, with nothing behind it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        checked = name + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def readable() -> Iterator[tuple[str, bytes]]:
    rgb = Image.open(io.BytesIO(noise(1)))
    for mode in ("1", "L", "LA", "P", "RGBA", "I;16", "F", "CMYK", "YCbCr", "LAB"):
        deep = Image.fromarray(np.arange(65536, dtype=np.uint16).reshape(256, 256))
        image = deep if mode == "I;16" else rgb.convert("RGB").convert(mode if mode != "F" else "L")
        yield mode, saved(image, "TIFF" if mode not in {"P", "I;16"} else "PNG")
    yield "16-bit PNG", saved(deep, "PNG")
    yield "CMYK JPEG", saved(rgb.convert("CMYK"), "JPEG")
    yield "progressive", saved(rgb, "JPEG", progressive=True)
    yield "one pixel", saved(Image.new("RGB", (1, 1)), "PNG")
    yield "transparent", saved(Image.new("RGBA", (9, 9), (0, 0, 0, 0)), "PNG")
    frames = [Image.new("RGB", (30, 30), (value, 0, 0)) for value in range(0, 250, 50)]
    for format_ in ("GIF", "WEBP", "PNG", "TIFF"):
        many = saved(frames[0], format_, save_all=True, append_images=frames[1:])
        yield f"animated {format_}", many
    for orientation in range(1, 10):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"orientation {orientation}", saved(rgb, "JPEG", exif=exif)
    for format_ in FORMATS:
        yield format_, saved(rgb, format_)


def refused() -> Iterator[tuple[str, bytes]]:
    yield "nothing", b""
    yield "text", b"no picture\n" * 100
    yield "svg", b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>'
    yield "postscript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"
    yield "zip", b"PK\3\4" + bytes(100)
    yield "far too many pixels", png_header(2**31 - 1, 2**31 - 1)
    yield "too many pixels", png_header(10_000, 10_000)
    yield "no pixels", png_header(0, 5)
    yield "a strip", saved(Image.new("RGB", (1, 60_000)), "PNG")
    yield "too many pixels for WebP", saved(Image.new("RGB", (5000, 3000)), "WEBP")
    yield "only a header", png_header(100, 100)


@pytest.mark.parametrize("content", [pytest.param(data, id=name) for name, data in readable()])
async def test_what_is_a_picture_gets_a_result(server: Server, content: bytes) -> None:
    response = await server.client.post("/classify", content=content)
    assert response.status_code == 200, response.text


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("content", [pytest.param(data, id=name) for name, data in refused()])
async def test_what_is_none_is_told_so(server: Server, content: bytes) -> None:
    response = await server.client.post("/classify", content=content)
    assert response.status_code in {400, 413}, response.text
    assert response.json()["error"].endswith(".")


def huge() -> Iterator[bytes]:
    """Yield pictures as large as they may be."""
    largest = Image.new("RGB", (6000, 4000), (90, 60, 30))
    for format_ in ("PNG", "JPEG", "GIF"):
        yield saved(largest, format_)
    yield saved(largest, "TIFF", compression="tiff_lzw")
    yield saved(largest.resize((4000, 3000)), "WEBP")


def damaged(count: int) -> Iterator[bytes]:
    """Yield pictures that are cut off, or of which some bytes are others; always the same."""
    random = Random(0)  # noqa: S311 - the same damage every time
    whole = [content for _, content in readable()]
    for number in range(count):
        content = bytearray(whole[number % len(whole)])
        if number % 2:
            del content[random.randrange(len(content)) :]
        else:
            for _ in range(random.randrange(1, 20)):
                content[random.randrange(len(content))] = random.randrange(256)
        yield bytes(content)


@pytest.mark.timeout(120)
def test_six_hundred_odd_files_end_nothing_and_cost_little(variables: dict[str, str]) -> None:
    odd = [content for _, content in [*readable(), *refused()]]
    odd += huge()
    odd += damaged(600 - len(odd))
    with running(variables) as worker, worker.client() as client:
        wait_until_ready(worker)
        process = psutil.Process(worker.process.pid)
        for number, content in enumerate(odd):
            before = processor_seconds(process)
            response = client.post("/classify", content=content)
            assert response.status_code in {200, 400, 413}, (number, response.text)
            assert processor_seconds(process) - before < MOST_SECONDS, number
        assert peak_bytes(process) < MOST_BYTES


def processor_seconds(process: psutil.Process) -> float:
    """Return what a process has used: how long it took would depend on what else runs."""
    times = process.cpu_times()
    return times.user + times.system


def peak_bytes(process: psutil.Process) -> int:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) * 1024
