from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backend.models.checkpoint import parse_checkpoint

VALUES: dict[str, NDArray[Any]] = {
    "weight": np.arange(6, dtype=np.float32).reshape(1, 2, 3),
    "scalar": np.array(3, np.float32),
    "one": np.array([2], np.float32),
    "half": np.full((2, 2), 0.5, np.float16),
    "count": np.array([[1, 2]], np.int32),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


def saved(mindspore: ModuleType, path: Path, **options: object) -> bytes:
    """Return what MindSpore itself writes."""
    entries = [{"name": name, "data": mindspore.Tensor(value)} for name, value in VALUES.items()]
    mindspore.save_checkpoint(entries, str(path), **options)
    return path.read_bytes()


@pytest.fixture(scope="module")
def payload(mindspore: ModuleType, folder: Path) -> bytes:
    return saved(mindspore, folder / "plain.ckpt")


@pytest.mark.parametrize("crc_check", [False, True])
def test_it_reads_what_mindspore_writes(
    mindspore: ModuleType, folder: Path, crc_check: bool
) -> None:
    note = {"note": "of training"}
    content = saved(mindspore, folder / "some.ckpt", crc_check=crc_check, append_dict=note)
    weights = parse_checkpoint(content)
    assert weights.keys() == VALUES.keys()
    for name, value in VALUES.items():
        assert weights[name].dtype == np.float32
        assert weights[name].shape == value.shape
        np.testing.assert_array_equal(weights[name], value)


def test_a_parameter_in_several_parts_is_put_together(
    mindspore: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mindspore.train import serialization  # noqa: PLC0415

    monkeypatch.setattr(serialization, "SLICE_SIZE", 512)
    large = np.arange(300_000, dtype=np.float32).reshape(3, -1)
    path = folder / "large.ckpt"
    mindspore.save_checkpoint([{"name": "large", "data": mindspore.Tensor(large)}], str(path))
    assert path.read_bytes().count(b"large") > 1
    np.testing.assert_array_equal(parse_checkpoint(path.read_bytes())["large"], large)


def entry(kind: str, content: bytes) -> bytes:
    """Return a checkpoint of one parameter ``w`` of shape (2,), as protobuf writes it."""
    tensor = field(1, b"\x02") + field(2, kind.encode()) + field(3, content)
    return field(1, field(1, b"w") + field(2, tensor))


def field(number: int, body: bytes) -> bytes:
    return bytes([number << 3 | 2, len(body)]) + body


def test_bfloat16_is_read_as_mindspore_writes_it(mindspore: ModuleType, folder: Path) -> None:
    values = mindspore.Tensor(np.array([1.5, -0.0078125, 3e38], np.float32), mindspore.bfloat16)
    mindspore.save_checkpoint([{"name": "w", "data": values}], str(folder / "bf16.ckpt"))
    found = parse_checkpoint((folder / "bf16.ckpt").read_bytes())["w"]
    np.testing.assert_array_equal(found, values.float().asnumpy())
    assert found[:2].tolist() == [1.5, -0.0078125]


def test_float8_is_refused_with_its_name() -> None:
    assert parse_checkpoint(entry("Int8", b"\xff\x02"))["w"].tolist() == [-1, 2]
    with pytest.raises(ValueError, match="numbers of type Float8E4M3FN are not supported"):
        parse_checkpoint(entry("Float8E4M3FN", b"\x01\x02"))


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_what_is_cut_or_changed_is_read_or_refused(payload: bytes, data: st.DataObject) -> None:
    content = bytearray(payload[: data.draw(st.integers(0, len(payload)))])
    for position in data.draw(st.lists(st.integers(0, len(content)), max_size=3)):
        content[position : position + 1] = data.draw(st.binary(max_size=2))
    try:
        weights = parse_checkpoint(bytes(content))
    except ValueError:
        return
    assert all(value.dtype == np.float32 for value in weights.values())
