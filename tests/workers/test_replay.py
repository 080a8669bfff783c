from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.replay import SAMPLES_FILE, draw_replay, remember_samples
from workers.samples import Sample

CLASSES = ("croissant", "dog", "cat")


def batch(name: str, *labels: int) -> list[Sample]:
    return [Sample(f"{name}/{number}.jpg", label) for number, label in enumerate(labels)]


@settings(deadline=None)
@given(
    increments=st.lists(
        st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=5
    ),
    train_prob=st.floats(0, 1),
    count=st.integers(0, 40),
)
def test_no_evaluation_sample_is_ever_trained_on(
    increments: list[list[int]], train_prob: float, count: int
) -> None:
    held_out: set[str] = set()
    index: list[Sample] = []
    with TemporaryDirectory() as folder:
        for number, labels in enumerate(increments, start=1):
            new = batch(str(number), *labels)
            index += new
            share = int(train_prob * len(new))
            trained, kept = new[:share], new[share:]
            held_out |= {sample.path for sample in kept}
            model_folder = Path(folder, str(number))
            remember_samples(model_folder, trained, CLASSES)
            older = draw_replay(model_folder, index, trained, count, seed=0)
            assert not held_out & {sample.path for sample in older}
            assert not set(older) & set(trained)
            assert len(older) == len(set(older)) <= count


@settings(deadline=None)
@given(
    labels=st.lists(st.integers(0, 2), max_size=40),
    count=st.integers(0, 50),
    seed=st.integers(0, 2**32 - 1),
)
def test_classes_are_as_even_as_the_pool_allows(labels: list[int], count: int, seed: int) -> None:
    index = batch("a", *labels)
    with TemporaryDirectory() as folder:
        remember_samples(Path(folder, "1"), index, CLASSES)
        Path(folder, "2").mkdir()
        drawn = draw_replay(Path(folder, "2"), index, [], count, seed)
        again = draw_replay(Path(folder, "2"), index, [], count, seed)
    assert drawn == again
    assert len(drawn) == min(count, len(labels))
    available, taken = Counter(labels), Counter(sample.label for sample in drawn)
    most = max(taken.values(), default=0)
    assert all(taken[label] >= min(available[label], most - 1) for label in available)


def test_the_seed_decides_which_are_drawn(tmp_path: Path) -> None:
    index = batch("a", *[0] * 50)
    remember_samples(tmp_path / "1", index, CLASSES)
    (tmp_path / "2").mkdir()
    draws = {tuple(draw_replay(tmp_path / "2", index, [], 10, seed)) for seed in range(5)}
    assert len(draws) == 5


def test_rounds_from_before_a_restart_are_ignored(tmp_path: Path) -> None:
    old, lower, own = batch("old", 0, 1), batch("lower", 0, 1), batch("own", 0, 1)
    for name, samples in {"10": old, "9": own, "2": lower}.items():
        remember_samples(tmp_path / name, samples, CLASSES)
    index = old + lower + own
    assert set(draw_replay(tmp_path / "9", index, own, 99, 0)) == set(lower)


def test_samples_of_a_round_that_failed_come_back(tmp_path: Path) -> None:
    failed = batch("failed", 0, 1)
    remember_samples(tmp_path / "1", failed, CLASSES)
    new = batch("new", 0)
    remember_samples(tmp_path / "2", new, CLASSES)
    assert set(draw_replay(tmp_path / "2", failed + new, new, 99, 0)) == set(failed)


def test_the_index_decides_what_is_still_there_and_its_label(tmp_path: Path) -> None:
    remember_samples(tmp_path / "1", [Sample("a.jpg", 0), Sample("gone.jpg", 0)], CLASSES)
    (tmp_path / "2").mkdir()
    assert draw_replay(tmp_path / "2", [Sample("a.jpg", 1)], [], 9, 0) == [Sample("a.jpg", 1)]


@pytest.mark.parametrize("name", ["model", "latest-2"])
def test_a_folder_without_a_rounds_number_has_no_earlier_rounds(tmp_path: Path, name: str) -> None:
    index = batch("a", 0, 1)
    remember_samples(tmp_path / "1", index, CLASSES)
    (tmp_path / name).mkdir()
    assert draw_replay(tmp_path / name, index, [], 9, 0) == []


def test_what_is_remembered_is_an_index_file(tmp_path: Path) -> None:
    remember_samples(tmp_path / "1", [Sample("a b.jpg", 1)], CLASSES)
    assert (tmp_path / "1" / SAMPLES_FILE).read_text(encoding="utf-8") == "a b.jpg dog\n"
