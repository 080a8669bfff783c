import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.files import fit_name, remove_leftovers, replaced_atomically, write_atomically


def write_half(path: Path) -> None:
    with replaced_atomically(path) as temporary:
        temporary.write_bytes(b"half")
        raise KeyError


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b" / "file", b"new")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"new"


def test_old_content_is_replaced_by_shorter(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a longer old content")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_reader_sees_the_old_content_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replaced_atomically(path) as temporary:
        temporary.write_bytes(b"half of the n")
        assert path.read_bytes() == b"old"
        temporary.write_bytes(b"new")
    assert path.read_bytes() == b"new"


def test_a_reader_with_the_file_open_keeps_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        write_atomically(path, b"new")
        assert reader.read() == b"old"


def test_a_failing_block_leaves_the_old_file_and_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyError):
        write_half(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_block_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        write_half(tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_old_file_and_no_temporary(
    tmp_path: Path, disk_full: Callable[[], None]
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    disk_full()
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_content_is_on_disk_before_the_name_and_the_name_before_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    flushed: list[tuple[bool, bool]] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        is_folder = os.path.samestat(os.fstat(descriptor), tmp_path.stat())
        flushed.append((is_folder, path.exists()))
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", watched)
    write_atomically(path, b"new")
    assert flushed == [(False, False), (True, True)]


def test_a_file_system_that_flushes_no_folder_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def refusing(descriptor: int) -> None:
        if os.path.samestat(os.fstat(descriptor), tmp_path.stat()):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", refusing)
    write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_folder_in_the_way_leaves_no_temporary(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path / "file", b"new")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_the_temporary_is_hidden_beside_the_file_and_has_its_suffix(tmp_path: Path) -> None:
    with replaced_atomically(tmp_path / "model.onnx") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".onnx"
        assert temporary.name.startswith(".")


def test_other_users_can_read_the_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, backend.files as files\n"
        f"with files.replaced_atomically(pathlib.Path({str(tmp_path)!r}, 'm.onnx')) as temporary:\n"
        "    temporary.write_bytes(b'half')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    (left,) = tmp_path.iterdir()
    (tmp_path / ".hidden").touch()
    with replaced_atomically(tmp_path / "m.onnx") as temporary:
        temporary.write_bytes(b"whole")
        remove_leftovers(tmp_path)
    assert not left.exists()
    assert {path.name for path in tmp_path.iterdir()} == {".hidden", "m.onnx"}


def test_a_folder_that_is_missing_has_no_leftovers(tmp_path: Path) -> None:
    remove_leftovers(tmp_path / "missing")


@given(st.text(st.characters(codec=None), max_size=300), st.integers(20, 240))
def test_any_name_is_made_to_fit(name: str, most_bytes: int) -> None:
    fitting = fit_name(name, most_bytes=most_bytes)
    assert 0 < len(fitting.encode()) <= most_bytes
    assert fitting == fit_name(fitting, most_bytes=most_bytes)
    assert len(fitting.splitlines()) == 1
    assert "/" not in fitting
    assert not fitting.startswith(".")


@pytest.mark.parametrize(
    ("name", "fitting"),
    [
        ("größe 1.jpg", "größe 1.jpg"),
        ("caf\udce9.jpg", "caf_.jpg"),
        ("a\nb.j\npg", "a_b.j_pg"),
        ("../..", "_.."),
        ("ß" * 200 + ".jpeg", "ß" * 117 + ".jpeg"),
        ("", "_"),
    ],
)
def test_a_name_that_fits_stays_and_another_keeps_its_suffix(name: str, fitting: str) -> None:
    assert fit_name(name) == fitting


def test_a_file_with_the_longest_name_can_be_written(tmp_path: Path) -> None:
    for name in ("a" * 255, "ß" * 125 + ".json", "a." + "b" * 253):
        write_atomically(tmp_path / name, b"new")
        assert (tmp_path / name).read_bytes() == b"new"
