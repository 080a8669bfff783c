import io
import struct
import zlib
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from backend.errors import ImageError
from backend.images.preprocessing import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    LabelledImages,
    normalise,
    open_image,
    open_resized,
    preprocess,
    preprocess_batch,
    resize_short_side,
    short_side,
)
from tests.backend.conftest import Pixels, encoded

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

INPUT_SIZES = st.integers(1, 4).map(lambda count: 32 * count)


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


def test_path_bytes_image_and_pixels_give_the_same_input(tmp_path: Path, picture: Pixels) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(encoded(picture))
    expected = preprocess(picture, 32)
    for source in (path, str(path), path.read_bytes(), Image.fromarray(picture)):
        np.testing.assert_array_equal(preprocess(source, 32), expected)


def test_the_crop_is_the_centre(picture: Pixels) -> None:
    pixels = picture[:37, :59]
    expected = normalise(pixels[2:34, 13:45])
    np.testing.assert_array_equal(preprocess(pixels, 32), expected)


@given(st.integers(20, 300), st.integers(20, 300), st.sampled_from([32, 96]))
def test_an_input_is_the_centre_of_the_resized_picture(
    width: int, height: int, input_size: int
) -> None:
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    whole = resize_short_side(Image.fromarray(pixels), input_size)
    left, top = ((side - input_size) // 2 for side in whole.size)
    centre = whole.crop((left, top, left + input_size, top + input_size))
    difference = preprocess(pixels, input_size) - normalise(np.asarray(centre))
    levels = np.abs(difference * IMAGENET_STD[:, np.newaxis, np.newaxis])
    assert levels.max() < 3.5


def test_normalised_pixels_are_imagenets(picture: Pixels) -> None:
    red, green, blue = (picture[3, 5] - IMAGENET_MEAN) / IMAGENET_STD
    normalised = normalise(picture)
    assert normalised.shape == (3, 40, 60)
    assert normalised.dtype == np.float32
    np.testing.assert_allclose(normalised[:, 3, 5], [red, green, blue])


def test_a_batch_holds_each_input(picture: Pixels) -> None:
    batch = preprocess_batch([picture, picture[:, ::-1]], 32)
    assert batch.shape == (2, 3, 32, 32)
    np.testing.assert_array_equal(batch[0], preprocess(picture, 32))
    np.testing.assert_array_equal(batch[1], preprocess(picture[:, ::-1], 32))


@given(width=st.integers(1, 300), height=st.integers(1, 300), input_size=INPUT_SIZES)
@settings(max_examples=60, deadline=None)
def test_any_size_gives_the_networks_input(width: int, height: int, input_size: int) -> None:
    prepared = preprocess(np.zeros((height, width, 3), dtype=np.uint8), input_size)
    assert prepared.shape == (3, input_size, input_size)
    assert prepared.dtype == np.float32
    expected = np.broadcast_to((-IMAGENET_MEAN / IMAGENET_STD)[:, None, None], prepared.shape)
    np.testing.assert_allclose(prepared, expected, rtol=1e-6)


@given(width=st.integers(1, 300), height=st.integers(1, 300), input_size=INPUT_SIZES)
@settings(max_examples=60, deadline=None)
def test_the_short_side_is_256_of_224_and_the_shape_stays(
    width: int, height: int, input_size: int
) -> None:
    resized = resize_short_side(Image.new("RGB", (width, height)), input_size)
    short = round(input_size * 256 / 224)
    assert min(resized.size) == short
    assert abs(max(resized.size) - short * max(width, height) / min(width, height)) <= 0.5


@given(width=st.integers(1, 1200), height=st.integers(1, 1200), at_least=st.integers(1, 300))
@settings(max_examples=40, deadline=None)
def test_a_large_jpeg_is_decoded_smaller_but_never_below_what_is_asked(
    width: int, height: int, at_least: int
) -> None:
    content = encoded(np.zeros((height, width, 3), dtype=np.uint8), "JPEG")
    short = min(open_image(content, at_least=at_least).size)
    assert min(at_least, width, height) <= short <= min(width, height)
    is_twice_as_large = min(width, height) >= 2 * at_least
    assert (short < min(width, height)) == is_twice_as_large


def test_decoding_smaller_hardly_changes_the_picture(picture: Pixels) -> None:
    photograph = np.asarray(Image.fromarray(picture).resize((1200, 800), Image.Resampling.BICUBIC))
    content = encoded(photograph, "JPEG", quality=95)
    fast = np.asarray(open_resized(content, 224)).astype(int)
    exact = np.asarray(resize_short_side(open_image(content), 224)).astype(int)
    assert np.abs(fast - exact).mean() < 1


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


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_pixels_of_another_shape_or_type_are_refused(pixels: NDArray[np.uint8]) -> None:
    with pytest.raises(ImageError, match="an image in memory"):
        preprocess(pixels, 32)


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


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("suffix", ["JPEG", "PNG", "TIFF", "GIF", "WEBP", "BMP"])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_picture_is_read_or_refused(suffix: str, data: st.DataObject) -> None:
    content = bytearray(encoded(np.arange(12 * 9 * 3, dtype=np.uint8).reshape(12, 9, 3), suffix))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        with patch.object(Image, "MAX_IMAGE_PIXELS", 10_000):
            opened = open_image(bytes(content))
    except ImageError:
        return
    assert opened.mode == "RGB"


def test_images_without_as_many_labels_are_refused(picture: Pixels) -> None:
    with pytest.raises(ValueError, match="1 images have 2 labels"):
        LabelledImages([picture], [0, 1])
    assert len(LabelledImages([picture], [1])) == 1
