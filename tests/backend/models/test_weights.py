import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from backend.errors import MissingPackageError, ModelFileError
from backend.models import model_file
from backend.models.model_file import ModelCard
from backend.models.weights import Weights, read_weights, write_weights

CARD = ModelCard(("croissant", "dog"), 96)
WEIGHTS: Weights = {
    "head.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "head.bias": np.array([-1.5, 2.5], dtype=np.float32),
    "stem.weight": np.full((4, 3, 3, 3), 1e-30, dtype=np.float32),
}

pytestmark = pytest.mark.usefixtures("mindspore")


def assert_equal(weights: Weights, expected: Weights) -> None:
    assert weights.keys() == expected.keys()
    for name, value in expected.items():
        assert weights[name].dtype == np.float32
        np.testing.assert_array_equal(weights[name], value)


@pytest.fixture(scope="module")
def checkpoint(mindspore: ModuleType) -> bytes:
    """The content of a checkpoint with a card."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.ckpt")
        write_weights(path, WEIGHTS, CARD)
        return path.read_bytes()


def read(content: bytes, suffix: str = ".ckpt") -> Weights:
    with TemporaryDirectory() as folder:
        path = Path(folder, "model").with_suffix(suffix)
        path.write_bytes(content)
        return read_weights(path)[0]


@pytest.mark.parametrize(("suffix", "card"), [(".ckpt", CARD), (".npz", None)])
def test_what_is_written_is_read(tmp_path: Path, suffix: str, card: ModelCard | None) -> None:
    path = tmp_path / f"model{suffix}"
    write_weights(path, WEIGHTS, CARD)
    weights, read_card = read_weights(path)
    assert_equal(weights, WEIGHTS)
    assert read_card == card


@pytest.mark.parametrize("written", [".ckpt", ".npz", ".onnx", ".safetensors"])
@pytest.mark.parametrize("name", ["global.model", "model", "model.1 m=+2.5", "model.ckpt"])
def test_the_content_decides_and_not_the_name(
    tmp_path: Path, written: str, name: str, small_onnx: bytes
) -> None:
    path, expected = tmp_path / f"written{written}", WEIGHTS
    if written == ".onnx":
        model_file.write(path, small_onnx, CARD)
        expected = {"w": np.array([[1, 2], [3, 4]], np.float32)}
    elif written == ".safetensors":
        save_file(WEIGHTS, path)
    else:
        write_weights(path, WEIGHTS, CARD)
    assert model_file.content_suffix(path.rename(tmp_path / name)) == written
    assert_equal(read_weights(tmp_path / name)[0], expected)


def test_onnx_of_another_program_is_told_by_its_content(tmp_path: Path, small_onnx: bytes) -> None:
    path = tmp_path / "global.model"
    path.write_bytes(small_onnx)
    assert model_file.content_suffix(path) == ".onnx"


def test_mindspore_loads_what_is_written(tmp_path: Path, mindspore: ModuleType) -> None:
    path = tmp_path / "model.ckpt"
    write_weights(path, WEIGHTS, CARD)
    loaded = mindspore.load_checkpoint(str(path))
    assert_equal({name: value.asnumpy() for name, value in loaded.items()}, WEIGHTS)


def test_a_checkpoint_without_a_card_is_read(tmp_path: Path, mindspore: ModuleType) -> None:
    path = tmp_path / "foreign.ckpt"
    entries = [{"name": name, "data": mindspore.Tensor(value)} for name, value in WEIGHTS.items()]
    mindspore.save_checkpoint(entries, str(path))
    weights, card = read_weights(path)
    assert_equal(weights, WEIGHTS)
    assert card is None


@given(tail=st.binary(max_size=200))
@settings(max_examples=20, deadline=None)
def test_a_checkpoint_with_a_tail_is_read(checkpoint: bytes, tail: bytes) -> None:
    assert_equal(read(checkpoint + tail), WEIGHTS)


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_checkpoint_that_is_cut_is_refused(checkpoint: bytes, data: st.DataObject) -> None:
    with pytest.raises(ModelFileError):
        read(checkpoint[: data.draw(st.integers(0, len(checkpoint) - 1))])


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_onnx_that_is_cut_is_refused(small_onnx: bytes, data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        model_file.write(path, small_onnx, CARD)
        content = path.read_bytes()
    with pytest.raises(ModelFileError):
        read(content[: data.draw(st.integers(0, len(content) - 1))], ".onnx")


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_npz_that_is_cut_is_refused(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.npz")
        write_weights(path, WEIGHTS, CARD)
        content = path.read_bytes()
    with pytest.raises(ModelFileError):
        read(content[: data.draw(st.integers(0, len(content) - 1))], ".npz")


@pytest.mark.parametrize("suffix", [".ckpt", ".npz", ".onnx", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights at all", bytes(range(256))])
def test_what_is_no_model_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"other{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=f"other{suffix}"):
        read_weights(path)


@pytest.mark.parametrize("suffix", [".ckpt", ".npz", ".onnx", ".safetensors"])
def test_a_missing_file_is_named(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(ModelFileError, match=f"absent{suffix}"):
        read_weights(tmp_path / f"absent{suffix}")


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    np.savez(path, weight=np.array([{"pickled": "object"}], dtype=object))
    with pytest.raises(ModelFileError, match=r"model\.npz"):
        read_weights(path)


def test_a_single_array_under_the_name_of_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    with path.open("wb") as file:
        np.save(file, WEIGHTS["head.bias"])
    with pytest.raises(ModelFileError, match=r"model\.npz"):
        read_weights(path)


def test_onnx_gives_its_initializers_and_its_card(tmp_path: Path, small_onnx: bytes) -> None:
    path = tmp_path / "model.onnx"
    model_file.write(path, small_onnx, CARD)
    weights, card = read_weights(path)
    assert_equal(weights, {"w": np.array([[1, 2], [3, 4]], dtype=np.float32)})
    assert card == CARD


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_onnx_without_a_card_that_is_changed_is_read_or_refused(
    small_onnx: bytes, data: st.DataObject
) -> None:
    content = bytearray(small_onnx)
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=3)):
        content[position] = data.draw(st.integers(0, 255))
    with suppress(ModelFileError):
        assert all(value.dtype == np.float32 for value in read(bytes(content), ".onnx").values())


def test_an_onnx_initializer_of_another_size_is_refused(tmp_path: Path, small_onnx: bytes) -> None:
    model = onnx.load_from_string(small_onnx)
    model.graph.initializer[0].dims[0] = 3
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match=r"model\.onnx: cannot be read as an ONNX model"):
        read_weights(path)


def test_an_onnx_model_with_its_weights_in_another_file_is_refused(
    tmp_path: Path, small_onnx: bytes
) -> None:
    model = onnx.load_from_string(small_onnx)
    path = tmp_path / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    with pytest.raises(ModelFileError, match=r"model\.onnx: its weights are in another file"):
        read_weights(path)


def serialised(kind: str, content: bytes) -> bytes:
    """Return a safetensors file of one parameter of two numbers."""
    head = json.dumps({"w": {"dtype": kind, "shape": [2], "data_offsets": [0, len(content)]}})
    return len(head).to_bytes(8, "little") + head.encode() + content


def test_safetensors_of_bfloat16_become_float32() -> None:
    expected = np.array([1.5, -0.0078125], np.float32)
    content = (expected.view(np.uint32) >> 16).astype("<u2").tobytes()
    assert_equal(read(serialised("BF16", content), ".safetensors"), {"w": expected})


def test_onnx_of_bfloat16_becomes_float32(small_onnx: bytes) -> None:
    model = onnx.load_from_string(small_onnx)
    expected = np.array([[1.5, -2], [0.25, 4]], np.float32)
    bits = (expected.view(np.uint32) >> 16).astype("<u2").tobytes()
    tensor = onnx.helper.make_tensor("w", onnx.TensorProto.BFLOAT16, (2, 2), bits, raw=True)
    model.graph.initializer[0].CopyFrom(tensor)
    assert_equal(read(model.SerializeToString(), ".onnx"), {"w": expected})


def test_other_numbers_are_refused_with_their_type(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="numbers of type F8_E4M3 are not supported"):
        read(serialised("F8_E4M3", b"\x01\x02"), ".safetensors")
    np.savez(tmp_path / "model.npz", w=np.zeros(2, "V2"))  # what NumPy makes of bfloat16
    with pytest.raises(ModelFileError, match=r"w is of type \|V2: save it as float32"):
        read_weights(tmp_path / "model.npz")


def test_an_npz_bomb_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "model.npz", w=np.zeros(2**22, np.float32))
    with pytest.raises(ModelFileError, match=r"model\.npz: .* which weights do not"):
        read_weights(tmp_path / "model.npz")


def test_safetensors_of_half_precision_become_float32(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"w": np.array([0.5, -2.0], dtype=np.float16)}, path)
    weights, card = read_weights(path)
    assert_equal(weights, {"w": np.array([0.5, -2.0], dtype=np.float32)})
    assert card is None


def test_missing_safetensors_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.safetensors").touch()
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(MissingPackageError, match="needs the package safetensors"):
        read_weights(tmp_path / "model.safetensors")


@pytest.mark.parametrize("name", ["model.pth", "model", "model.CKPT"])
def test_an_unknown_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelFileError, match=r"written to \.ckpt or \.npz"):
        write_weights(tmp_path / name, WEIGHTS, CARD)
    assert not list(tmp_path.iterdir())
    (tmp_path / name).write_bytes(b"weights")
    with pytest.raises(ModelFileError, match=r"read from \.ckpt, \.npz, \.onnx, \.safetensors"):
        read_weights(tmp_path / name)


@pytest.mark.parametrize("suffix", [".ckpt", ".npz"])
def test_a_failing_write_leaves_the_old_file(
    tmp_path: Path, disk_full: Callable[[], None], suffix: str
) -> None:
    path = tmp_path / f"model{suffix}"
    write_weights(path, WEIGHTS, CARD)
    disk_full()
    with pytest.raises(OSError, match="No space left"):
        write_weights(path, {"other": np.zeros(3, np.float32)}, CARD)
    assert_equal(read_weights(path)[0], WEIGHTS)
    assert list(tmp_path.iterdir()) == [path]
