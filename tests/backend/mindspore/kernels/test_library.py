import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.mindspore.kernels.library import library


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache folder, and nothing remembered before or after."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    library.cache_clear()
    yield tmp_path / "sedna-tinyms"
    library.cache_clear()


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compiler that counts its calls in the file ``calls`` and leaves the work to c++."""
    script = tmp_path / "counting-c++"
    calls = tmp_path / "calls"
    script.write_text(f'#!/bin/sh\necho called >> {calls}\nexec c++ "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    return calls


def test_the_library_is_compiled_once(cache_folder: Path, compiler: Path) -> None:
    first = library()
    library.cache_clear()
    assert first is not None
    assert first == library()
    assert list(cache_folder.iterdir()) == [first]
    assert compiler.read_text(encoding="utf-8").splitlines() == ["called"]


@pytest.mark.parametrize("compiler_name", ["false", "no-such-compiler"])
def test_without_a_compiler_there_is_none_and_one_line_says_so(
    cache_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    compiler_name: str,
) -> None:
    monkeypatch.setenv("CXX", compiler_name)
    with caplog.at_level(logging.INFO, "backend.mindspore.kernels.library"):
        assert library() is None
        assert library() is None
    (record,) = caplog.records
    assert compiler_name in record.getMessage()
    assert list(cache_folder.iterdir()) == []


def test_where_nothing_can_be_written_there_is_none(
    cache_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache_folder.parent.mkdir(exist_ok=True)
    cache_folder.write_bytes(b"a file where the folder should be")
    with caplog.at_level(logging.INFO, "backend.mindspore.kernels.library"):
        assert library() is None
    assert os.fspath(cache_folder) in caplog.text
