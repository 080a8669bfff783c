import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.classifier.activation_cache import CACHE_FILE, ActivationCache, Activations
from backend.errors import SettingsError

MIB = 2**20


def key(number: int) -> bytes:
    return number.to_bytes(32)


def many(first: int, count: int, width: int = 1280) -> Activations:
    numbers = range(first, first + count)
    return {key(number): np.full(width, number, np.float16) for number in numbers}


@given(numbers=st.sets(st.integers(0, 2000), max_size=200), width=st.integers(1, 100))
@settings(max_examples=10, deadline=None)
def test_what_was_written_is_read_by_another(
    tmp_path_factory: pytest.TempPathFactory, numbers: set[int], width: int
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    written = {key(number): np.full(width, number + 0.5, np.float16) for number in numbers}
    ActivationCache(folder, 16, "frozen part").write(written)
    read = ActivationCache(folder, 16, "frozen part").read()
    assert read.keys() == written.keys()
    for each, value in written.items():
        assert read[each].dtype == np.float16
        np.testing.assert_array_equal(read[each], value)


def test_activations_of_another_frozen_part_are_not_read_but_replaced(tmp_path: Path) -> None:
    first, second = (ActivationCache(tmp_path, 1, part) for part in ("first", "second"))
    first.write(many(0, 3))
    assert not second.read()
    second.write(many(5, 2, width=7))
    assert second.read().keys() == many(5, 2).keys()
    assert not first.read()


def test_the_last_of_too_many_are_kept_within_the_size(tmp_path: Path) -> None:
    cache = ActivationCache(tmp_path, 1, "frozen part")
    cache.write(many(0, 1000))
    count = MIB // (1280 * 2)
    assert cache.read().keys() == many(1000 - count, count).keys()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1.02 * MIB


@pytest.mark.parametrize("kept", [0, 100, 5000])
def test_a_damaged_file_is_computed_again_and_replaced(
    tmp_path: Path, kept: int, caplog: pytest.LogCaptureFixture
) -> None:
    cache = ActivationCache(tmp_path, 1, "frozen part")
    cache.write(many(0, 50))
    file = tmp_path / CACHE_FILE
    file.write_bytes(file.read_bytes()[:kept] + b"damage" * 5000)
    with caplog.at_level(logging.WARNING):
        assert not cache.read()
    assert f"{file}: cannot be read" in caplog.text
    cache.write(many(0, 50))
    assert len(cache.read()) == 50


def test_a_folder_that_cannot_be_written_is_logged_and_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    cache = ActivationCache(tmp_path / "file" / "cache", 1, "frozen part")
    cache.write(many(0, 1))
    assert not cache.read()
    assert "the activations are not kept" in caplog.text


def test_a_size_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cache_size=0: give it at least 1 MiB"):
        ActivationCache(tmp_path, 0, "frozen part")


def test_an_array_that_is_larger_than_the_cache_is_not_kept(tmp_path: Path) -> None:
    cache = ActivationCache(tmp_path, 1, "frozen part")
    cache.write(many(0, 1, width=MIB))
    assert not cache.read()
