from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from backend.errors import ImageError
from backend.images.opening import MOST_ASPECT, ImageSource, open_image
from backend.images.preprocessing import (
    GREY,
    IMAGENET,
    InputFormat,
    LabelledImages,
    normalise,
    open_resized,
    preprocess,
    preprocess_batch,
    randomly_cropped,
    resize_short_side,
)
from tests.backend.conftest import Pixels, encoded

MEAN, STD = (np.array(each, np.float32) for each in (IMAGENET.mean, IMAGENET.std))
INPUT_SIZES = st.integers(1, 4).map(lambda count: 32 * count)


def test_path_bytes_image_and_pixels_give_the_same_input(tmp_path: Path, picture: Pixels) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(encoded(picture))
    expected = preprocess(picture, InputFormat(32))
    for source in (path, str(path), path.read_bytes(), Image.fromarray(picture), picture.tolist()):
        np.testing.assert_array_equal(preprocess(source, InputFormat(32)), expected)


def test_the_crop_is_the_centre(picture: Pixels) -> None:
    pixels = picture[:37, :59]
    expected = normalise(pixels[2:34, 13:45], IMAGENET)
    np.testing.assert_array_equal(preprocess(pixels, InputFormat(32)), expected)


@given(st.integers(20, 300), st.integers(20, 300), st.sampled_from([32, 96]))
def test_an_input_is_the_centre_of_the_resized_picture(
    width: int, height: int, input_size: int
) -> None:
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    whole = resize_short_side(Image.fromarray(pixels), input_size)
    left, top = ((side - input_size) // 2 for side in whole.size)
    centre = whole.crop((left, top, left + input_size, top + input_size))
    difference = preprocess(pixels, InputFormat(input_size)) - normalise(
        np.asarray(centre), IMAGENET
    )
    levels = np.abs(difference * STD[:, np.newaxis, np.newaxis])
    assert levels.max() < 3.5


@given(st.integers(0, 2**32 - 1))
def test_a_random_crop_is_half_of_the_picture_or_more_and_hardly_slanted(seed: int) -> None:
    side = 250
    across, down = np.meshgrid(np.arange(side), np.arange(side))
    picture = np.stack([across, down, np.zeros_like(down)], axis=-1).astype(np.uint8)
    crop = randomly_cropped(picture, 64, [seed]).astype(float)
    width, height = (np.ptp(crop[..., channel]) * 64 / 63 for channel in (0, 1))
    assert crop.shape == (64, 64, 3)
    assert 0.48 < width * height / side**2 <= 1.01
    assert max(width / height, height / width) < 1.36


@given(width=st.integers(1, 300), height=st.integers(1, 300), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_any_size_is_cropped_at_random_as_the_seed_says(width: int, height: int, seed: int) -> None:
    picture = np.random.default_rng(seed).integers(256, size=(height, width, 3)).astype(np.uint8)
    if max(width, height) <= MOST_ASPECT * min(width, height):
        first, again = (randomly_cropped(picture, 32, [seed, 1]) for _ in range(2))
        np.testing.assert_array_equal(first, again)


def test_normalised_pixels_are_imagenets(picture: Pixels) -> None:
    red, green, blue = (picture[3, 5] - MEAN) / np.array(IMAGENET.std, np.float32)
    normalised = normalise(picture, IMAGENET)
    assert normalised.shape == (3, 40, 60)
    assert normalised.dtype == np.float32
    np.testing.assert_allclose(normalised[:, 3, 5], [red, green, blue])


def test_a_network_of_one_channel_sees_grey(picture: Pixels) -> None:
    grey = preprocess(picture, InputFormat(32, GREY))
    assert grey.shape == InputFormat(32, GREY).shape == (1, 32, 32)
    assert grey.dtype == np.float32
    image = Image.fromarray(picture).convert("L")
    expected = preprocess(np.asarray(image.convert("RGB")), InputFormat(32))
    level = expected[0] * STD[0] + MEAN[0]
    np.testing.assert_allclose(grey[0] * 127.5 + 127.5, level, atol=1.5)


def test_a_batch_holds_each_input(picture: Pixels) -> None:
    batch = preprocess_batch([picture, picture[:, ::-1]], InputFormat(32))
    assert batch.shape == (2, 3, 32, 32)
    np.testing.assert_array_equal(batch[0], preprocess(picture, InputFormat(32)))
    np.testing.assert_array_equal(batch[1], preprocess(picture[:, ::-1], InputFormat(32)))


@given(width=st.integers(1, 300), height=st.integers(1, 300), input_size=INPUT_SIZES)
@settings(max_examples=60, deadline=None)
def test_any_size_gives_the_networks_input(width: int, height: int, input_size: int) -> None:
    prepared = preprocess(np.zeros((height, width, 3), dtype=np.uint8), InputFormat(input_size))
    assert prepared.shape == (3, input_size, input_size)
    assert prepared.dtype == np.float32
    expected = np.broadcast_to(
        (-MEAN / STD)[:, None, None],
        prepared.shape,
    )
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


def test_decoding_smaller_hardly_changes_the_picture(picture: Pixels) -> None:
    photograph = np.asarray(Image.fromarray(picture).resize((1200, 800), Image.Resampling.BICUBIC))
    content = encoded(photograph, "JPEG", quality=95)
    fast = np.asarray(open_resized(content, 224)).astype(int)
    exact = np.asarray(resize_short_side(open_image(content), 224)).astype(int)
    assert np.abs(fast - exact).mean() < 1


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        [[[0, 0, 256]]],
        [[[0, -1, 0]]],
        [[[0.5, 0, 0]]],
        [[[0, 0, 0]], [[0, 0]]],
        [["a", "b", "c"]],
        [],
    ],
)
def test_pixels_of_another_shape_or_type_are_refused(pixels: ImageSource) -> None:
    with pytest.raises(ImageError, match="an image in memory"):
        preprocess(pixels, InputFormat(32))


def test_images_without_as_many_labels_are_refused(picture: Pixels) -> None:
    with pytest.raises(ValueError, match="1 images have 2 labels"):
        LabelledImages([picture], [0, 1])
    assert len(LabelledImages([picture], [1])) == 1
