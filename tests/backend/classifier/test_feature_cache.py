import errno
import logging
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.classifier.feature_cache import CACHE_FILE, FeatureCache, Features
from backend.errors import SettingsError

MIB = 2**20

WRITES = """
import sys
from pathlib import Path
import numpy as np
from backend.classifier.feature_cache import FeatureCache

cache = FeatureCache(Path(sys.argv[1]), 16)
for number in range(60):
    key = f"{sys.argv[2]}-{number}".encode()
    cache.write({key: np.full(1280, number, np.float32)})
    assert key in cache.read([key])
"""


def features(number: float) -> Features:
    return np.full(1280, number, np.float32)


def many(first: int, count: int) -> dict[bytes, Features]:
    return {b"%d" % number: features(number) for number in range(first, first + count)}


@given(numbers=st.sets(st.integers(0, 3000), max_size=1200))
@settings(max_examples=10, deadline=None)
def test_what_was_written_is_read_by_another(
    tmp_path_factory: pytest.TempPathFactory, numbers: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    written = {b"%d" % number: features(number + 0.1) for number in numbers}
    FeatureCache(folder, 16).write(written)
    read = FeatureCache(folder, 16).read([*written, b"unknown"])
    assert read.keys() == written.keys()
    for key, value in written.items():
        assert read[key].dtype == np.float32
        np.testing.assert_array_equal(read[key], value)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_the_longest_unused_make_way_for_new_ones(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 1)
    cache.write(many(0, 60))
    cache.write(many(100, 50))
    assert len(cache.read(many(0, 40))) == 40
    cache.write(many(200, 60))
    assert len(cache.read(many(200, 60))) == 60
    assert len(cache.read(many(0, 40))) == 40
    assert not cache.read(many(40, 20))


def test_the_folder_stays_bounded_whatever_is_used(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 1)
    for number in range(0, 2000, 50):
        cache.write(many(number, 50))
        cache.read(b"%d" % each for each in range(0, number, 3))
        assert size_of(tmp_path) <= MIB


def test_more_than_fits_at_once_stays_bounded(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 1)
    cache.write(many(0, 500))
    assert len(cache.read(many(0, 500))) >= 110
    assert size_of(tmp_path) <= MIB


def test_a_damaged_entry_is_not_read(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 1)
    cache.write(many(0, 3))
    with closing(sqlite3.connect(tmp_path / CACHE_FILE)) as connection, connection:
        connection.execute("UPDATE features SET content = zeroblob(5120) WHERE key = ?", [b"1"])
    assert cache.read(many(0, 3)).keys() == {b"0", b"2"}
    cache.write(many(1, 1))
    np.testing.assert_array_equal(cache.read([b"1"])[b"1"], features(1))


@pytest.mark.parametrize("kept", [0, 100, 5000])
def test_a_damaged_file_starts_anew(
    tmp_path: Path, kept: int, caplog: pytest.LogCaptureFixture
) -> None:
    cache = FeatureCache(tmp_path, 1)
    cache.write(many(0, 50))
    file = tmp_path / CACHE_FILE
    file.write_bytes(file.read_bytes()[:kept] + b"damage" * 5000)
    with caplog.at_level(logging.WARNING):
        assert not cache.read(many(0, 50))
        cache.write(many(0, 50))
        cache.write(many(0, 50))
    assert f"{file}: is damaged" in caplog.text
    assert len(cache.read(many(0, 50))) == 50


def test_a_damaged_file_that_cannot_be_removed_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    (tmp_path / CACHE_FILE).write_bytes(b"damage" * 5000)
    monkeypatch.setattr(Path, "unlink", refuse)
    cache = FeatureCache(tmp_path, 1)
    cache.write(many(0, 1))
    assert not cache.read(many(0, 1))
    assert caplog.text.count("is damaged") == 2


def test_a_folder_that_cannot_be_written_is_logged_and_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    cache = FeatureCache(tmp_path / "file" / "cache", 1)
    cache.write(many(0, 1))
    assert not cache.read(many(0, 1))
    assert caplog.text.count("is not used now") == 2


def test_two_processes_share_the_cache(tmp_path: Path) -> None:
    commands = [[sys.executable, "-W", "error", "-c", WRITES, str(tmp_path), name] for name in "ab"]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for command in commands]
    for process in processes:
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stderr.decode()
    keys = [f"{name}-{number}".encode() for name in "ab" for number in range(60)]
    assert len(FeatureCache(tmp_path, 16).read(keys)) == 120


def test_a_size_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cache_size=0: give it at least 1 MiB"):
        FeatureCache(tmp_path, 0)
