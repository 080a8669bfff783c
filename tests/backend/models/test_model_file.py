import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import ModelFileError
from backend.memory import memory_limit
from backend.models import model_file
from backend.models.model_file import ModelCard, ModelFile

CARD = ModelCard(("croissant", "dog"), 96)
PAYLOAD = b"\x0a\x05hello"
SUFFIXES = st.sampled_from([".ckpt", ".onnx"])
CARDS = st.builds(
    ModelCard,
    class_names=st.lists(st.text(), max_size=5).map(tuple),
    input_size=st.integers(1, 4096),
    network=st.none() | st.text(),
    confidence=st.lists(st.integers(0, 10**6), max_size=10).map(tuple),
)


def written(payload: bytes, suffix: str, card: ModelCard = CARD) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "model").with_suffix(suffix)
        model_file.write(path, payload, card)
        return path.read_bytes()


def read(content: bytes, suffix: str) -> ModelFile:
    with TemporaryDirectory() as folder:
        path = Path(folder, "model").with_suffix(suffix)
        path.write_bytes(content)
        return model_file.read(path)


def parts(file: ModelFile) -> tuple[ModelCard | None, bytes]:
    return file.card, file.payload


@given(payload=st.binary(max_size=300), suffix=SUFFIXES, card=CARDS)
@settings(deadline=None)
def test_what_is_written_is_read(payload: bytes, suffix: str, card: ModelCard) -> None:
    assert parts(read(written(payload, suffix, card), suffix)) == (card, payload)


@given(payload=st.binary(max_size=300), suffix=SUFFIXES)
@settings(deadline=None)
def test_confidence_is_added_to_the_card_alone(payload: bytes, suffix: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "model").with_suffix(suffix)
        model_file.write(path, payload, CARD)
        for confidence in ((1,) * 10, (2,) * 10):
            model_file.add_confidence(path, confidence)
            assert parts(model_file.read(path)) == (replace(CARD, confidence=confidence), payload)


def test_a_file_without_a_card_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "foreign.onnx"
    path.write_bytes(PAYLOAD)
    model_file.add_confidence(path, (1,) * 10)
    assert path.read_bytes() == PAYLOAD


@given(payload=st.binary(max_size=300), suffix=SUFFIXES, tail=st.binary(max_size=300))
@settings(deadline=None)
def test_a_tail_is_ignored(payload: bytes, suffix: str, tail: bytes) -> None:
    assert parts(read(written(payload, suffix) + tail, suffix)) == (CARD, payload)


@given(old=st.binary(min_size=30, max_size=300), suffix=SUFFIXES)
@settings(deadline=None)
def test_the_tail_of_a_longer_model_is_ignored(old: bytes, suffix: str) -> None:
    new = written(PAYLOAD, suffix)
    overwritten = new + written(PAYLOAD + old, suffix)[len(new) :]
    assert parts(read(overwritten, suffix)) == (CARD, PAYLOAD)


@given(data=st.data(), payload=st.binary(min_size=1, max_size=300), suffix=SUFFIXES)
@settings(deadline=None)
def test_a_flipped_byte_of_the_payload_is_refused(
    data: st.DataObject, payload: bytes, suffix: str
) -> None:
    content = bytearray(written(payload, suffix))
    content[-data.draw(st.integers(1, len(payload)))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ModelFileError, match="copy it again"):
        read(bytes(content), suffix)


@given(data=st.data(), payload=st.binary(min_size=1, max_size=300), suffix=SUFFIXES)
@settings(deadline=None)
def test_a_payload_that_is_cut_is_refused(data: st.DataObject, payload: bytes, suffix: str) -> None:
    content = written(payload, suffix)
    with pytest.raises(ModelFileError, match="copy it again"):
        read(content[: -data.draw(st.integers(1, len(payload)))], suffix)


@pytest.mark.parametrize("suffix", [".ckpt", ".onnx"])
def test_a_damaged_card_is_refused(suffix: str) -> None:
    content = written(PAYLOAD, suffix).replace(b'"length"', b'"lengXh"')
    with pytest.raises(ModelFileError, match="card is damaged"):
        read(content, suffix)


@given(payload=st.binary(max_size=100).map(lambda body: b"\x0a" + body), suffix=SUFFIXES)
@settings(deadline=None)
def test_a_foreign_file_is_read_whole(payload: bytes, suffix: str) -> None:
    assert parts(read(payload, suffix)) == (None, payload)


def test_foreign_metadata_before_the_graph_is_no_card(small_onnx: bytes) -> None:
    foreign = onnx.ModelProto()
    onnx.helper.set_model_props(foreign, {"author": "another program"})
    content = foreign.SerializeToString() + small_onnx
    assert parts(read(content, ".onnx")) == (None, content)


@pytest.mark.parametrize("card", [None, CARD])
def test_the_digest_is_that_of_the_payload(card: ModelCard | None) -> None:
    file = read(written(PAYLOAD, ".onnx", card) if card else PAYLOAD, ".onnx")
    assert file.digest == hashlib.sha256(PAYLOAD).hexdigest()


def test_a_file_that_does_not_fit_into_memory_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.touch()
    os.truncate(path, memory_limit())
    with pytest.raises(
        ModelFileError, match=r"model\.onnx: has \d+ MiB, .* raise the memory limit"
    ):
        model_file.read(path)


@pytest.mark.timeout(30)
def test_what_may_have_no_end_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "model.onnx"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(ModelFileError, match=f"{path}: is not a regular file"):
            model_file.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"absent\.onnx: cannot read the model \(No such"):
        model_file.read(tmp_path / "absent.onnx")


def test_a_failing_write_leaves_the_old_file(tmp_path: Path, disk_full: Callable[[], None]) -> None:
    path = tmp_path / "model.onnx"
    model_file.write(path, b"old", CARD)
    disk_full()
    with pytest.raises(OSError, match="No space left"):
        model_file.write(path, b"new", CARD)
    assert model_file.read(path).payload == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_onnx_and_onnx_runtime_load_a_file_with_a_card(tmp_path: Path, small_onnx: bytes) -> None:
    path = tmp_path / "model.onnx"
    model_file.write(path, small_onnx, CARD)
    onnx.checker.check_model(str(path), full_check=True)
    assert onnx.load(path).graph == onnx.load_from_string(small_onnx).graph
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (outputs,) = session.run(None, {"x": np.array([[1, 1]], np.float32)})
    assert outputs.tolist() == [[4, 6]]


def test_mindspore_loads_a_file_with_a_card(tmp_path: Path, mindspore: ModuleType) -> None:
    plain, path = tmp_path / "plain.ckpt", tmp_path / "model.ckpt"
    value = np.arange(6, dtype=np.float32).reshape(2, 3)
    mindspore.save_checkpoint([{"name": "w", "data": mindspore.Tensor(value)}], str(plain))
    model_file.write(path, plain.read_bytes(), CARD)
    parameters = mindspore.load_checkpoint(str(path))
    assert list(parameters) == ["w"]
    np.testing.assert_array_equal(parameters["w"].asnumpy(), value)


@given(st.sampled_from(["ckpt", "onnx", "npz", "mindir", "int8"]), st.sampled_from(["", "/m/a.b/"]))
def test_a_models_name_tells_its_format(format_: str, folder: str) -> None:
    assert model_file.model_format(folder + model_file.model_name(format_)) == format_


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("dogs-7.int8.onnx", "int8"),
        ("v1.2.onnx", "onnx"),
        ("int8.onnx", "onnx"),
        ("model.int8.ckpt", "ckpt"),
        ("model", ""),
        ("", ""),
    ],
)
def test_only_a_whole_ending_tells_int8(name: str, format_: str) -> None:
    assert model_file.model_format(name) == format_
