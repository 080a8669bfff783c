import struct
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.models.npz import read_npz, write_npz

ARRAYS = {
    "weight": np.arange(12, dtype=np.float32).reshape(3, 4),
    "mark": np.asarray("some text"),
}


def content() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "arrays.npz")
        write_npz(path, ARRAYS)
        return path.read_bytes()


CONTENT = content()
METHODS = [at + 10 for at in range(len(CONTENT)) if CONTENT.startswith(b"PK\x01\x02", at)]
"""Where the archive's table tells each member's method of compression."""


def read(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "arrays.npz")
        path.write_bytes(content)
        read_npz(path)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_npz(tmp_path / "arrays.npz", ARRAYS)
    arrays = read_npz(tmp_path / "arrays.npz")
    assert arrays.keys() == ARRAYS.keys()
    for name, value in ARRAYS.items():
        assert arrays[name].dtype == value.dtype
        np.testing.assert_array_equal(arrays[name], value)


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_what_is_changed_is_read_or_refused(data: st.DataObject) -> None:
    changed = bytearray(CONTENT)
    for position in data.draw(st.lists(st.integers(0, len(CONTENT) - 1), max_size=4)):
        changed[position] = data.draw(st.integers(0, 255))
    try:
        read(bytes(changed))
    except (OSError, ValueError):
        return


@pytest.mark.parametrize("method", [1, 8, 12, 14, 93])
def test_another_method_of_compression_is_refused(method: int) -> None:
    changed = bytearray(CONTENT)
    struct.pack_into("<H", changed, METHODS[0], method)
    with pytest.raises((OSError, ValueError)):
        read(bytes(changed))


def test_a_bomb_is_refused_before_it_expands(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.npz"
    np.savez_compressed(bomb, weight=np.zeros(2**22, np.float32))
    assert bomb.stat().st_size < 2**15
    with pytest.raises(ValueError, match="become 16777"):
        read_npz(bomb)


def test_compressed_weights_are_read(tmp_path: Path) -> None:
    weight = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    np.savez_compressed(tmp_path / "weights.npz", weight=weight)
    np.testing.assert_array_equal(read_npz(tmp_path / "weights.npz")["weight"], weight)


def test_a_missing_file_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_npz(tmp_path / "absent.npz")


def test_a_failing_write_leaves_the_old_file(tmp_path: Path, disk_full: Callable[[], None]) -> None:
    path = tmp_path / "arrays.npz"
    write_npz(path, ARRAYS)
    disk_full()
    with pytest.raises(OSError, match="No space left"):
        write_npz(path, {"other": np.zeros(3)})
    assert path.read_bytes() == CONTENT
