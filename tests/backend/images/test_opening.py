import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from backend.errors import ImageError
from backend.images import opening
from backend.images.opening import open_image, opened, read_header
from backend.images.preprocessing import short_side
from tests.backend.conftest import Pixels, encoded
from tests.fuzz.pictures import SIZE, check_file, check_metadata, exif_block, with_exif

ROOT = Path(__file__).parents[3]
ORIENTATION = 0x0112
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""EXIF orientation to how the camera turned an upright picture when it stored it."""


@pytest.mark.parametrize(("orientation", "turn"), STORED.items())
def test_a_turned_photograph_is_set_upright(
    picture: Pixels, orientation: int, turn: Image.Transpose | None
) -> None:
    upright = Image.fromarray(picture)
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    buffer = io.BytesIO()
    stored.save(buffer, "PNG", exif=exif)
    np.testing.assert_array_equal(np.asarray(open_image(buffer.getvalue())), picture)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr"])
def test_every_colour_mode_becomes_rgb(picture: Pixels, mode: str) -> None:
    source = Image.fromarray(picture).convert(mode)
    opened = open_image(source)
    assert opened.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(opened), np.asarray(source.convert("RGB")))


@pytest.mark.parametrize("suffix", ["PNG", "TIFF"])
def test_sixteen_bits_a_pixel_keep_their_greys(picture: Pixels, suffix: str) -> None:
    grey = picture[:, :, 0]
    buffer = io.BytesIO()
    Image.fromarray(grey.astype(np.uint16) * 257).save(buffer, suffix)
    opened = np.asarray(open_image(buffer.getvalue()))
    np.testing.assert_array_equal(opened, np.repeat(grey[:, :, np.newaxis], 3, axis=2))


def test_transparency_does_not_change_the_colours(picture: Pixels) -> None:
    alpha = np.full((*picture.shape[:2], 1), 7, dtype=np.uint8)
    opened = open_image(Image.fromarray(np.concatenate([picture, alpha], axis=2)))
    np.testing.assert_array_equal(np.asarray(opened), picture)


@given(width=st.integers(24, 1200), height=st.integers(24, 1200), at_least=st.integers(1, 300))
@settings(max_examples=40, deadline=None)
def test_a_large_jpeg_is_decoded_smaller_but_never_below_what_is_asked(
    width: int, height: int, at_least: int
) -> None:
    content = encoded(np.zeros((height, width, 3), dtype=np.uint8), "JPEG")
    short = min(open_image(content, at_least=at_least).size)
    assert min(at_least, width, height) <= short <= min(width, height)
    is_twice_as_large = min(width, height) >= 2 * at_least
    assert (short < min(width, height)) == is_twice_as_large


def test_a_turned_jpeg_that_is_decoded_smaller_is_set_upright() -> None:
    pixels = np.zeros((600, 900, 3), dtype=np.uint8)
    pixels[:, :450] = 255
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    turned = encoded(pixels, "JPEG", exif=exif)
    opened = np.asarray(open_image(turned, at_least=short_side(96))).astype(int)
    assert opened.shape[0] > opened.shape[1]
    assert opened[0, 0, 0] > opened[-1, 0, 0] + 240


def test_a_text_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.jpg"
    path.write_text("no picture", encoding="utf-8")
    with pytest.raises(ImageError, match=r"notes\.jpg: cannot be read .*not an image"):
        open_image(path)


def test_a_truncated_jpeg_is_named(tmp_path: Path, picture: Pixels) -> None:
    path = tmp_path / "half.jpg"
    content = encoded(picture, "JPEG")
    path.write_bytes(content[:-100])
    with pytest.raises(ImageError, match=r"half\.jpg: .*(T|t)runcated"):
        open_image(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"missing\.jpg: there is no such image"):
        open_image(tmp_path / "missing.jpg")


def test_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=str(tmp_path)):
        open_image(tmp_path)


def test_a_picture_too_large_to_decode_is_refused(
    tmp_path: Path, picture: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(encoded(picture))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ImageError, match=r"bomb\.png"):
        open_image(path)


@pytest.mark.parametrize(
    "pillow", ["error", pytest.param("ignore", marks=pytest.mark.filterwarnings("ignore"))]
)
def test_a_picture_that_pillow_only_warns_of_is_refused_undecoded(
    tmp_path: Path, picture: Pixels, pillow: str
) -> None:
    content = bytearray(encoded(picture))
    content[16:24] = struct.pack(">II", 9500, 9500)  # the header's width and height
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (tmp_path / "bomb.png").write_bytes(content)
    expected = "9500x9500 pixels" if pillow == "ignore" else "decompression bomb"
    with pytest.raises(ImageError, match=rf"bomb\.png: .*{expected}"):
        open_image(tmp_path / "bomb.png")


FOREIGN = ("DDS", "EPS", "ICO", "JPEG2000", "PCX", "SGI", "SPIDER", "TGA")
LONG = {273, 279}  # tags of TIFF with values of 32 bits
SIXTH_TURN = (ORIENTATION, 3, 1, struct.pack("<H", 6))
ODD_ENTRIES = {
    "a text of type FLOAT": (0x0131, 11, 1, struct.pack("<f", 1.5)),
    "a text of type DOUBLE": (0x010F, 12, 1, struct.pack("<d", 1.5)),
    "a RATIONAL without a divisor": (0x011A, 5, 1, struct.pack("<II", 1, 0)),
    "a GPS directory that is a RATIONAL": (0x8825, 5, 1, struct.pack("<II", 1, 3)),
    "an EXIF directory beyond the end": (0x8769, 4, 1, struct.pack("<I", 2**31)),
    "an unknown type": (0x0132, 200, 7, b"1234567"),
}


def grey_file(suffix: str, levels: NDArray[np.generic], **tags: int) -> bytes:
    buffer = io.BytesIO()
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for name, value in tags.items():
        directory[getattr(TiffImagePlugin, name)] = value
    options = {"tiffinfo": directory} if suffix == "TIFF" else {}
    Image.fromarray(levels).save(buffer, suffix, **options)
    return buffer.getvalue()


def raw_tiff(bits: int, width: int, data: bytes) -> bytes:
    """Return a TIFF file of one row of unsigned greys."""
    numbers = {256: width, 257: 1, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1}
    numbers |= {279: len(data), 339: 1}
    entries = [(tag, 4 if tag in LONG else 3, 1, value) for tag, value in numbers.items()]
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = struct.pack("<2sHI", b"II", 42, 8 + len(data))
    return head + data + struct.pack("<H", len(numbers)) + directory + bytes(4)


@pytest.mark.parametrize("entry", ODD_ENTRIES.values(), ids=ODD_ENTRIES)
@pytest.mark.parametrize("suffix", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_odd_metadata_cost_no_picture_and_hide_no_orientation(
    suffix: str, entry: tuple[int, int, int, bytes]
) -> None:
    block = exif_block([SIXTH_TURN, entry])
    content = with_exif(suffix, block) if suffix != "TIFF" else tiff_with(entry)
    assert open_image(content).size == SIZE[::-1]


@pytest.mark.parametrize("suffix", ["JPEG", "AVIF"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_metadata_that_keep_pillow_from_opening_a_picture_are_ignored(suffix: str) -> None:
    unit, resolution = (0x0128, 3, 1, b"\2\0"), (0x011A, 1, 1, b"\1")
    content = with_exif("JPEG", exif_block([unit, resolution]))
    if suffix == "AVIF":
        # Turned, so that Pillow reads the block, which is invalid.
        content = with_exif("AVIF", exif_block([SIXTH_TURN])).replace(b"II*\0", b"none")
    assert sorted(open_image(content).size) == sorted(SIZE)


def tiff_with(entry: tuple[int, int, int, bytes]) -> bytes:
    """Return a TIFF file of one black strip whose directory holds an odd entry, too."""
    width, height = SIZE
    numbers = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 277: 1, 278: height}
    plain = [(tag, 3, 1, struct.pack("<H", value)) for tag, value in numbers.items()]
    strips = [(273, 4, 1, bytes(4)), (279, 4, 1, struct.pack("<I", width * height))]
    entries = sorted([*plain, *strips, SIXTH_TURN, entry])
    length = len(exif_block(entries))
    place = (273, 4, 1, struct.pack("<I", length))
    placed = [place if each[0] == 273 else each for each in entries]
    return exif_block(placed) + bytes(width * height)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@given(st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_whatever_the_metadata_hold_the_picture_is_used(seed: int) -> None:
    check_metadata(Random(seed))  # noqa: S311 - the same mutants every time


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@given(st.integers(0, 2**32))
@settings(max_examples=600, deadline=None)
def test_a_damaged_picture_is_read_or_refused(seed: int) -> None:
    check_file(Random(seed))  # noqa: S311 - the same mutants every time


@pytest.mark.parametrize("suffix", FOREIGN)
def test_only_the_documented_formats_are_opened(
    tmp_path: Path, picture: Pixels, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pillow remembers a SPIDER file's suffix as that of the format.
    monkeypatch.setattr(Image, "EXTENSION", dict(Image.EXTENSION))
    path = tmp_path / "picture.png"
    image = Image.fromarray(picture)
    (image.convert("F") if suffix == "SPIDER" else image).save(path, suffix)
    with Image.open(path) as known:
        assert known.format == suffix
    with pytest.raises(ImageError, match=r"picture\.png: .*not an image"):
        open_image(path)
    with pytest.raises(ImageError, match="not an image"):
        read_header(path.read_bytes())


def test_nothing_else_opens_pictures() -> None:
    modules = (
        file
        for package in ("backend", "workers", "jobs")
        for file in (ROOT / package).rglob("*.py")
    )
    assert [file.name for file in modules if "Image.open(" in file.read_text()] == ["opening.py"]


HALF_GREYS = {
    "16-bit PNG": grey_file("PNG", np.full((2, 2), 2**15, np.uint16)),
    "10-bit PGM": b"P5 2 1 1023\n" + struct.pack(">HH", 512, 512),
    "16-bit PGM": b"P5 2 1 65535\n" + struct.pack(">HH", 2**15, 2**15),
    "PFM": b"Pf 2 1 -1.0\n" + struct.pack("<ff", 0.5, 1.0),
    "12-bit TIFF": raw_tiff(12, 2, bytes.fromhex("800800")),
    "16-bit TIFF": grey_file("TIFF", np.full((2, 2), 2**15, np.uint16)),
    "big-endian 16-bit TIFF": grey_file("TIFF", np.full((2, 2), 2**15, ">u2")),
    "signed 16-bit TIFF": grey_file("TIFF", np.full((2, 2), 2**14, np.uint16), SAMPLEFORMAT=2),
    "signed 32-bit TIFF": grey_file("TIFF", np.full((2, 2), 2**30, np.int32)),
    "32-bit TIFF": raw_tiff(32, 1, struct.pack("<I", 2**31)),
    "float TIFF to 1": grey_file("TIFF", np.array([[0.5, 1.0]], np.float32)),
    "float TIFF to 255": grey_file("TIFF", np.array([[128.0, 255.0]], np.float32)),
    "float TIFF to 65535": grey_file("TIFF", np.array([[2.0**15, 65535]], np.float32)),
    "float TIFF with holes": grey_file("TIFF", np.array([[0.5, np.nan, np.inf]], np.float32)),
}


@pytest.mark.parametrize("content", HALF_GREYS.values(), ids=HALF_GREYS)
def test_half_grey_is_128_from_every_depth(content: bytes) -> None:
    assert open_image(content).getpixel((0, 0)) == (128, 128, 128)


def test_black_and_white_stay_black_and_white_in_every_depth() -> None:
    for dtype, top in ((np.uint16, 65535), (np.int32, 2**31 - 1), (np.float32, 1.0)):
        opened_ = open_image(grey_file("TIFF", np.array([[0, top]], dtype)))
        assert [opened_.getpixel((x, 0)) for x in (0, 1)] == [(0, 0, 0), (255, 255, 255)]


def test_greys_whose_white_is_zero_are_turned_round() -> None:
    content = grey_file("TIFF", np.array([[0, 65535]], np.uint16), PHOTOMETRIC_INTERPRETATION=0)
    assert open_image(content).getpixel((0, 0)) == (255, 255, 255)


def test_large_pictures_are_open_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_LARGE_PIXELS", 99)
    large, small = (encoded(np.zeros((10, side, 3), np.uint8)) for side in (10, 9))
    with ThreadPoolExecutor(2) as pool:
        with opened(large):
            another = pool.submit(open_image, large)
            assert pool.submit(open_image, small).result().size == (9, 10)
            assert not another.done()
        assert another.result().size == (10, 10)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.png"
    path.write_bytes(encoded(np.zeros((9, 9, 3), np.uint8)))
    with path.open("r+b") as file:
        file.truncate(2**31)
    with pytest.raises(ImageError, match=r"sparse\.png: .*2147483648 bytes"), opened(path):
        pass
    with pytest.raises(ImageError, match="2147483648 bytes"):
        read_header(path)


@pytest.mark.parametrize(
    ("suffix", "mode", "options", "expected"),
    [
        ("JPEG", "RGB", {}, 1),
        ("JPEG", "RGB", {"progressive": True}, 4),
        ("PNG", "RGB", {}, 4),
        ("PNG", "RGBA", {}, 8),
        ("WEBP", "RGB", {}, 18),
    ],
)
def test_a_header_tells_what_decoding_takes(
    picture: Pixels, suffix: str, mode: str, options: dict[str, bool], expected: int
) -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture).convert(mode).save(buffer, suffix, **options)
    header = read_header(buffer.getvalue())
    assert header[:3] == (60, 40, suffix)
    assert header.bytes_per_pixel == expected


def blank(width: int, height: int, format_: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, format_)
    return buffer.getvalue()


def test_a_strip_is_refused_in_either_direction() -> None:
    for width, height in ((2, 101), (101, 2)):
        with pytest.raises(ImageError, match="its sides differ more than 50-fold"):
            read_header(blank(width, height))
    for width, height in ((2, 100), (100, 2)):
        assert read_header(blank(width, height))[:2] == (width, height)


def test_pictures_that_take_more_bytes_have_fewer_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MOST_PIXELS", 1000)
    assert read_header(blank(30, 33))[:2] == (30, 33)
    with pytest.raises(ImageError, match=r"more than 0\.001 million of such a PNG"):
        read_header(blank(30, 34))
    assert read_header(blank(20, 22, "WEBP"))[:2] == (20, 22)
    with pytest.raises(ImageError, match=r"more than 0\.000444 million of such a WEBP"):
        read_header(blank(21, 22, "WEBP"))


def test_the_callers_own_errors_pass(picture: Pixels) -> None:
    with pytest.raises(ZeroDivisionError), opened(picture):
        _ = 1 / 0


def test_a_name_that_is_not_utf8_can_be_told(tmp_path: Path) -> None:
    path = tmp_path / "caf\udce9.jpg"
    path.write_bytes(b"no picture")
    with pytest.raises(ImageError, match="caf") as caught:
        open_image(path)
    assert str(caught.value).encode()


def test_a_picture_can_be_saved_in_another_format_whatever_it_says_of_itself() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9)).save(buffer, "GIF", comment=b"x" * 70_000)
    with opened(buffer.getvalue()) as image:
        image.save(io.BytesIO(), "JPEG")


def test_heic_is_told(tmp_path: Path) -> None:
    path = tmp_path / "IMG_1.HEIC"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    with pytest.raises(ImageError, match="HEIC is not supported, save it as JPEG"):
        open_image(path)
