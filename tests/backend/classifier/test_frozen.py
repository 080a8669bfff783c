from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from backend.classifier.activation_cache import CACHE_FILE
from backend.classifier.frozen import FrozenPart
from backend.errors import ImageError
from backend.images.opening import ImageSource
from backend.images.preprocessing import InputFormat, preprocess_batch
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


def frozen(folder: Path | None, weights: Weights = WEIGHTS, size: int = SIZE) -> FrozenPart:
    model = onnx_model(weights, size)
    return FrozenPart(model, "head.head.1", InputFormat(size), folder, 1, is_varied=True)


def kept(folder: Path) -> int:
    """How many images' activations the cache holds."""
    return len(read_npz(folder / CACHE_FILE)["values"])


def mark(folder: Path) -> None:
    """Let everything that is kept be recognised: it becomes that of the last image."""
    arrays = dict(read_npz(folder / CACHE_FILE))
    arrays["values"][:] = arrays["values"][-1]
    write_npz(folder / CACHE_FILE, arrays)


def test_cached_activations_are_those_that_were_computed(folder: Path, files: list[Path]) -> None:
    computed = frozen(None).activations(files)
    assert computed.positions == list(range(20))
    assert computed.values.shape == (20, 2, 1280)
    for _ in range(2):
        np.testing.assert_array_equal(frozen(folder).activations(files).values, computed.values)
    assert kept(folder) == 20


def test_what_is_cached_is_not_computed_again(folder: Path, files: list[Path]) -> None:
    first = frozen(folder).activations(files[:16]).values
    mark(folder)
    again = frozen(folder).activations(files).values
    np.testing.assert_array_equal(again[:16], np.repeat(first[15:], 16, axis=0))
    np.testing.assert_array_equal(again[16:], frozen(None).activations(files[16:]).values)


def test_equal_bytes_share_their_activations_whatever_their_name(
    folder: Path, files: list[Path]
) -> None:
    files[1].write_bytes(files[0].read_bytes())
    content = files[0].read_bytes()
    values = frozen(folder).activations([files[0], str(files[1]), content]).values
    assert kept(folder) == 1
    np.testing.assert_allclose(values[1:], values[:2], atol=1e-3)


def test_a_changed_file_is_another_image(folder: Path, files: list[Path]) -> None:
    frozen(folder).activations(files[:1])
    files[0].write_bytes(files[1].read_bytes())
    changed = frozen(folder).activations(files[:1]).values
    np.testing.assert_array_equal(changed, frozen(None).activations(files[1:2]).values)


def test_other_weights_or_sizes_have_activations_of_their_own(
    folder: Path, files: list[Path]
) -> None:
    other = initial_weights(shapes_of(len(CLASSES)), 1)
    for weights, size in ((WEIGHTS, SIZE), (other, SIZE), (other, 64)):
        cached = frozen(folder, weights, size).activations(files[:2]).values
        np.testing.assert_array_equal(
            cached, frozen(None, weights, size).activations(files[:2]).values
        )


def test_another_head_shares_the_activations(folder: Path, files: list[Path]) -> None:
    first = frozen(folder).activations(files[:2]).values
    mark(folder)
    other = WEIGHTS | {"head.head.1.bias": np.ones(2, np.float32)}
    again = frozen(folder, other).activations(files[:2]).values
    np.testing.assert_array_equal(again, np.repeat(first[1:], 2, axis=0))


def test_arrays_are_computed_and_not_kept(folder: Path) -> None:
    images: list[ImageSource] = list(random_images(3).x)
    np.testing.assert_array_equal(
        frozen(folder).activations(images).values, frozen(None).activations(images).values
    )
    assert not (folder / CACHE_FILE).exists()


def test_unreadable_images_are_reported_by_their_position_in_the_data(
    folder: Path, files: list[Path]
) -> None:
    frozen(folder).activations(files[:5])
    files[7].write_text("no picture", encoding="utf-8")
    files[9].unlink()
    reported: list[int] = []
    activations = frozen(folder).activations(files, lambda at, _: reported.append(at))
    assert reported == [7, 9]
    assert activations.positions == [each for each in range(20) if each not in reported]
    assert len(activations.values) == 18
    with pytest.raises(ImageError, match=r"7\.png"):
        frozen(folder).activations(files)


def test_without_images_there_are_no_activations(folder: Path) -> None:
    assert frozen(folder).activations([]).values.size == 0


def test_a_cache_without_mirror_images_is_another_one(folder: Path, files: list[Path]) -> None:
    model, input_format = onnx_model(WEIGHTS, SIZE), InputFormat(SIZE)
    both = frozen(folder).activations(files).values
    part = FrozenPart(model, "head.head.1", input_format, folder, 1, is_varied=False)
    assert part.activations(files).values.shape == (20, 1, 1280)
    np.testing.assert_array_equal(part.activations(files).values[:, 0], both[:, 0])


def test_the_second_view_is_the_mirror_image() -> None:
    image = random_images(1).x[0]
    inputs = preprocess_batch([image], InputFormat(SIZE))
    session = onnxruntime.InferenceSession(onnx_model(WEIGHTS, SIZE))
    values = frozen(None).activations([image]).values[0]
    for view, shown in zip(values, (inputs, inputs[..., ::-1]), strict=True):
        (expected,) = session.run(["features"], {"images": np.ascontiguousarray(shown)})
        np.testing.assert_allclose(view, expected[0], atol=1e-3)
    assert not np.allclose(values[0], values[1], atol=1e-3)


def test_copies_are_random_crops_behind_the_readable_images(
    folder: Path, files: list[Path]
) -> None:
    files[1].unlink()
    reported: list[int] = []
    for _ in range(2):  # with a cache, too
        positions, values = frozen(folder).activations(
            files[:4], lambda at, _: reported.append(at), copied=[1, 3, 3], seed=5
        )
        assert positions == [0, 2, 3, 3, 3]
        assert len({row.tobytes() for row in values}) == 5
        np.testing.assert_array_equal(
            values[:3], frozen(None).activations(files[:1] + files[2:4]).values
        )
    assert reported == [1, 1]
    assert kept(folder) == 3


def test_what_trains_a_head_alone_is_not_copied(files: list[Path]) -> None:
    part = FrozenPart(
        onnx_model(WEIGHTS, SIZE), "head.head.1", InputFormat(SIZE), None, 1, is_varied=False
    )
    assert part.activations(files[:2], copied=[0]).positions == [0, 1]
