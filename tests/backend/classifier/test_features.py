from pathlib import Path

import numpy as np
import pytest

from backend.classifier.feature_cache import CACHE_FILE
from backend.classifier.features import Backbone
from backend.errors import ImageError
from backend.images.opening import ImageSource
from backend.images.preprocessing import InputFormat
from backend.models.npz import read_npz, write_npz
from backend.models.weights import Weights
from backend.networks.mobilenetv2.architecture import shapes_of
from backend.networks.mobilenetv2.initial import initial_weights
from backend.networks.mobilenetv2.onnx_graph import onnx_model
from tests.backend.classifier.conftest import CLASSES, SIZE
from tests.backend.conftest import encoded, random_images

WEIGHTS = initial_weights(shapes_of(len(CLASSES)), 0)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Twenty pictures on disk."""
    paths = [tmp_path / f"{number}.png" for number in range(20)]
    for path, pixels in zip(paths, random_images(20).x, strict=True):
        path.write_bytes(encoded(np.asarray(pixels)))
    return paths


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def backbone(folder: Path | None, weights: Weights = WEIGHTS, size: int = SIZE) -> Backbone:
    return Backbone(onnx_model(weights, size), InputFormat(size), folder, 1)


def kept(folder: Path) -> int:
    """How many images' features the cache holds."""
    return len(read_npz(folder / CACHE_FILE)["features"])


def mark(folder: Path) -> None:
    """Let everything that is kept be recognised: it becomes that of the last image."""
    arrays = dict(read_npz(folder / CACHE_FILE))
    arrays["features"][:] = arrays["features"][-1]
    write_npz(folder / CACHE_FILE, arrays)


def test_cached_features_are_those_that_were_computed(folder: Path, files: list[Path]) -> None:
    computed = backbone(None).features(files)
    assert computed.positions == list(range(20))
    assert computed.values.shape == (20, 1280)
    for _ in range(2):
        np.testing.assert_array_equal(backbone(folder).features(files).values, computed.values)
    assert kept(folder) == 20


def test_what_is_cached_is_not_computed_again(folder: Path, files: list[Path]) -> None:
    first = backbone(folder).features(files[:16]).values
    mark(folder)
    again = backbone(folder).features(files).values
    np.testing.assert_array_equal(again[:16], np.repeat(first[15:], 16, axis=0))
    np.testing.assert_array_equal(again[16:], backbone(None).features(files[16:]).values)


def test_equal_bytes_share_their_features_whatever_their_name(
    folder: Path, files: list[Path]
) -> None:
    files[1].write_bytes(files[0].read_bytes())
    content = files[0].read_bytes()
    values = backbone(folder).features([files[0], str(files[1]), content]).values
    assert kept(folder) == 1
    np.testing.assert_allclose(values[1:], values[:2], atol=1e-5)


def test_a_changed_file_is_another_image(folder: Path, files: list[Path]) -> None:
    backbone(folder).features(files[:1])
    files[0].write_bytes(files[1].read_bytes())
    changed = backbone(folder).features(files[:1]).values
    np.testing.assert_array_equal(changed, backbone(None).features(files[1:2]).values)


def test_another_backbone_or_size_has_features_of_its_own(folder: Path, files: list[Path]) -> None:
    other = initial_weights(shapes_of(len(CLASSES)), 1)
    for weights, size in ((WEIGHTS, SIZE), (other, SIZE), (other, 64)):
        cached = backbone(folder, weights, size).features(files[:2]).values
        np.testing.assert_array_equal(
            cached, backbone(None, weights, size).features(files[:2]).values
        )


def test_another_head_shares_the_features(folder: Path, files: list[Path]) -> None:
    first = backbone(folder).features(files[:2]).values
    mark(folder)
    other = WEIGHTS | {"head.head.1.bias": np.ones(2, np.float32)}
    again = backbone(folder, other).features(files[:2]).values
    np.testing.assert_array_equal(again, np.repeat(first[1:], 2, axis=0))


def test_arrays_are_computed_and_not_kept(folder: Path) -> None:
    images: list[ImageSource] = list(random_images(3).x)
    np.testing.assert_array_equal(
        backbone(folder).features(images).values, backbone(None).features(images).values
    )
    assert not (folder / CACHE_FILE).exists()


def test_unreadable_images_are_reported_by_their_position_in_the_data(
    folder: Path, files: list[Path]
) -> None:
    backbone(folder).features(files[:5])
    files[7].write_text("no picture", encoding="utf-8")
    files[9].unlink()
    reported: list[int] = []
    features = backbone(folder).features(files, lambda at, _: reported.append(at))
    assert reported == [7, 9]
    assert features.positions == [each for each in range(20) if each not in reported]
    assert len(features.values) == 18
    with pytest.raises(ImageError, match=r"7\.png"):
        backbone(folder).features(files)


def test_without_images_there_are_no_features(folder: Path) -> None:
    assert backbone(folder).features([]).values.size == 0
