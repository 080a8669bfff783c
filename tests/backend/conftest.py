"""Random pictures and small model files, shared by the tests of the backends."""

import io
from collections.abc import Callable
from types import ModuleType

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from backend.images.preprocessing import LabelledImages
from backend.mindspore import tinyms_compat
from backend.mindspore.runtime import Device, prepare_mindspore

Pixels = NDArray[np.uint8]


def random_images(count: int, seed: int = 0) -> LabelledImages:
    """Return pictures of 48 x 40 pixels, of class 0 and 1 in turn; class 1 is brighter."""
    generator = np.random.default_rng(seed)
    pictures: list[Pixels] = [
        generator.integers(80 * (number % 2), 160 + 80 * (number % 2), (40, 48, 3), dtype=np.uint8)
        for number in range(count)
    ]
    return LabelledImages(pictures, [number % 2 for number in range(count)])


@pytest.fixture(scope="session")
def mindspore() -> ModuleType:
    """MindSpore, prepared for the CPU, and TinyMS importable."""
    prepare_mindspore(Device.CPU)
    tinyms_compat.install()
    import mindspore  # noqa: PLC0415

    module: ModuleType = mindspore
    return module


@pytest.fixture(scope="session")
def picture() -> Pixels:
    """No two of its corners are alike, so that every flip and turn of it shows."""
    rows, columns = np.mgrid[0:40, 0:60]
    pixels: Pixels = np.stack([rows * 6, columns * 4, (rows + columns) * 2], -1).astype(np.uint8)
    return pixels


@pytest.fixture(scope="session")
def small_onnx() -> bytes:
    """An ONNX model from x (N, 2) to x @ w, w = [[1, 2], [3, 4]]."""
    weight = onnx.numpy_helper.from_array(np.array([[1, 2], [3, 4]], np.float32), "w")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
        "small",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 2])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 2])],
        [weight],
    )
    opset = onnx.helper.make_opsetid("", 11)
    return bytes(
        onnx.helper.make_model(graph, opset_imports=[opset], ir_version=7).SerializeToString()
    )


@pytest.fixture
def disk_full(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let every flush to disk fail from the call on."""

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    return lambda: monkeypatch.setattr("os.fsync", fail)


def encoded(pixels: Pixels, suffix: str = "PNG", **options: object) -> bytes:
    """Return the picture as a file's content."""
    from PIL import Image  # noqa: PLC0415

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, suffix, **options)
    return buffer.getvalue()
