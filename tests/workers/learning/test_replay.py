from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.contract import WorkerKind, WorkerMessage, WorkerStatus
from workers.data.index_file import Sample, format_index
from workers.data.round_folder import TRAIN_REPORT_FILE, KeptReport, RoundFolder
from workers.learning.replay import (
    Replay,
    draw_replay,
    record_samples,
    recorded_labels,
)
from workers.storage import Mirror

CLASSES = ("croissant", "dog", "cat")


def of_round(path: Path) -> RoundFolder:
    return RoundFolder(path, Mirror({}))


def record(folder: Path, samples: list[Sample]) -> None:
    """Leave what a round leaves once it has started: the samples that it was given."""
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / "data.txt"
    index.write_text(format_index(samples, CLASSES))
    record_samples(of_round(folder), index)


def batch(name: str, *labels: int) -> list[Sample]:
    return [Sample(f"{name}/{number}.jpg", label) for number, label in enumerate(labels)]


def completed(
    folder: Path,
    samples: list[Sample],
    status: WorkerStatus = WorkerStatus.COMPLETED,
    delivered: datetime | None = datetime(2026, 11, 22, tzinfo=UTC),
) -> None:
    """Leave what a round leaves that has ended so."""
    record(folder, samples)
    message = WorkerMessage(
        name="w", namespace="default", ownerName="job", kind=WorkerKind.TRAIN, status=status
    )
    report = KeptReport(worker="w", message=message, delivered=delivered)
    (folder / TRAIN_REPORT_FILE).write_bytes(report.to_json())


def quarantine(folder: Path, *samples: Sample) -> None:
    """Leave the list of what a round could not read."""
    lines = "".join(f"{sample.path},,cannot be read.\n" for sample in samples)
    of_round(folder).train_quarantine.write_text(f"path,line,reason\n{lines}")


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
            completed(model_folder, trained)
            older = draw_replay(of_round(model_folder), dict(index), trained, count, seed=0)
            assert not held_out & {sample.path for sample in older.repeated}
            assert not set(older.repeated) & set(trained)
            assert len(older.repeated) == len(set(older.repeated)) <= count
            assert older.missed == []


@settings(deadline=None)
@given(
    fates=st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=8),
    count=st.integers(0, 3),
)
def test_every_sample_is_trained_on_as_soon_as_a_round_succeeds(
    fates: list[tuple[int, bool]], count: int
) -> None:
    index: list[Sample] = []
    owed: set[Sample] = set()
    with TemporaryDirectory() as folder:
        for number, (size, succeeds) in enumerate(fates, start=1):
            new = batch(str(number), *[0] * size)
            index += new
            model_folder = Path(folder, str(number))
            model_folder.mkdir()
            missed = draw_replay(of_round(model_folder), dict(index), new, count, seed=0).missed
            assert set(missed) == owed
            owed |= set(new)
            if succeeds:
                completed(model_folder, new + missed)
                owed.clear()
            else:
                record(model_folder, new + missed)


@settings(deadline=None)
@given(
    labels=st.lists(st.integers(0, 2), max_size=40),
    count=st.integers(0, 50),
    seed=st.integers(0, 2**32 - 1),
)
def test_classes_are_as_even_as_the_pool_allows(labels: list[int], count: int, seed: int) -> None:
    index = batch("a", *labels)
    with TemporaryDirectory() as folder:
        completed(Path(folder, "1"), index)
        Path(folder, "2").mkdir()
        drawn = draw_replay(of_round(Path(folder, "2")), dict(index), [], count, seed).repeated
        again = draw_replay(of_round(Path(folder, "2")), dict(index), [], count, seed).repeated
    assert drawn == again
    assert len(drawn) == min(count, len(labels))
    available, taken = Counter(labels), Counter(sample.label for sample in drawn)
    most = max(taken.values(), default=0)
    assert all(taken[label] >= min(available[label], most - 1) for label in available)


def test_rounds_are_as_even_as_classes(tmp_path: Path) -> None:
    rounds = {1: batch("a", *[0] * 30, 1, 1), 2: batch("b", *[0] * 4, *[1] * 30)}
    for number, samples in rounds.items():
        completed(tmp_path / str(number), samples)
    (tmp_path / "3").mkdir()
    index = dict(rounds[1] + rounds[2])
    drawn = draw_replay(of_round(tmp_path / "3"), index, [], count=20, seed=0).repeated
    taken = Counter((number, sample.label) for sample, number in drawn.items())
    assert taken == {(1, 0): 7, (1, 1): 2, (2, 0): 4, (2, 1): 7}


def test_the_seed_decides_which_are_drawn(tmp_path: Path) -> None:
    index = batch("a", *[0] * 50)
    completed(tmp_path / "1", index)
    (tmp_path / "2").mkdir()
    draws = {
        tuple(draw_replay(of_round(tmp_path / "2"), dict(index), [], 10, seed).repeated)
        for seed in range(5)
    }
    assert len(draws) == 5


def test_rounds_from_before_a_restart_are_ignored(tmp_path: Path) -> None:
    old, lower, own = batch("old", 0, 1), batch("lower", 0, 1), batch("own", 0, 1)
    for name, samples in {"10": old, "9": own, "2": lower}.items():
        completed(tmp_path / name, samples)
    index = old + lower + own
    assert set(draw_replay(of_round(tmp_path / "9"), dict(index), own, 99, 0).repeated) == set(
        lower
    )
    assert recorded_labels(of_round(tmp_path / "9"), CLASSES) == dict(lower)


@pytest.mark.parametrize(
    ("status", "delivered"),
    [(WorkerStatus.FAILED, datetime(2026, 11, 22, tzinfo=UTC)), (WorkerStatus.COMPLETED, None)],
)
def test_a_round_without_a_model_that_the_controller_took_is_missed_whole(
    tmp_path: Path, status: WorkerStatus, delivered: datetime | None
) -> None:
    failed, new = batch("failed", 0, 1, 1, 1), batch("new", 0)
    completed(tmp_path / "1", failed, status, delivered)
    (tmp_path / "2").mkdir()
    assert draw_replay(of_round(tmp_path / "2"), dict(failed + new), new, 1, 0) == Replay(
        failed, {}
    )


def test_what_a_round_could_not_read_is_neither_repeated_nor_missed(tmp_path: Path) -> None:
    index = batch("a", 0, 0, 0)
    completed(tmp_path / "1", index)
    quarantine(tmp_path / "1", index[0])
    (tmp_path / "2").mkdir()
    assert draw_replay(of_round(tmp_path / "2"), dict(index), [], 9, 0).missed == []
    assert set(draw_replay(of_round(tmp_path / "2"), dict(index), [], 9, 0).repeated) == set(
        index[1:]
    )


def test_a_repeated_sample_that_broke_is_not_repeated_in_vain_again(tmp_path: Path) -> None:
    old, new = batch("old", 0, 1), batch("new", 0)
    completed(tmp_path / "1", old)
    completed(tmp_path / "2", new)
    quarantine(tmp_path / "2", old[0])
    (tmp_path / "3").mkdir()
    drawn = draw_replay(of_round(tmp_path / "3"), dict(old + new), [], 9, 0)
    assert (drawn.missed, set(drawn.repeated)) == ([], {old[1], *new})


def test_a_mended_image_is_drawn_once_a_round_has_trained_on_it(tmp_path: Path) -> None:
    index = batch("a", 0)
    completed(tmp_path / "1", index)
    quarantine(tmp_path / "1", *index)
    completed(tmp_path / "2", index)
    (tmp_path / "3").mkdir()
    assert draw_replay(of_round(tmp_path / "3"), dict(index), [], 9, 0) == Replay(
        [], dict.fromkeys(index, 2)
    )


def test_a_round_that_failed_is_missed_whole_and_what_it_could_not_read_too(
    tmp_path: Path,
) -> None:
    index = batch("a", 0, 1)
    record(tmp_path / "1", index)
    quarantine(tmp_path / "1", index[0])
    completed(tmp_path / "2", [])
    (tmp_path / "3").mkdir()
    assert draw_replay(of_round(tmp_path / "3"), dict(index), [], 9, 0) == Replay(index, {})


def test_an_unreadable_sample_is_missed_by_one_round_and_not_by_all_that_follow(
    tmp_path: Path,
) -> None:
    index = batch("a", 0, 1)
    record(tmp_path / "1", index)
    completed(tmp_path / "2", index)
    quarantine(tmp_path / "2", index[0])
    (tmp_path / "3").mkdir()
    assert draw_replay(of_round(tmp_path / "3"), dict(index), [], 9, 0) == Replay(
        [], dict.fromkeys(index[1:], 2)
    )


def test_the_index_decides_what_is_still_there_and_its_label(tmp_path: Path) -> None:
    completed(tmp_path / "1", [Sample("a.jpg", 0), Sample("gone.jpg", 0)])
    record(tmp_path / "2", [Sample("b.jpg", 0), Sample("lost.jpg", 0)])
    (tmp_path / "3").mkdir()
    index = [Sample("a.jpg", 1), Sample("b.jpg", 1)]
    assert draw_replay(of_round(tmp_path / "3"), dict(index), [], 9, 0) == Replay(
        missed=[Sample("b.jpg", 1)], repeated={Sample("a.jpg", 1): 1}
    )


def test_without_an_index_the_newest_record_counts(tmp_path: Path) -> None:
    for number in range(2, 12):
        record(tmp_path / str(number), [Sample("a.jpg", number % 2)])
    (tmp_path / "12").mkdir()
    assert recorded_labels(of_round(tmp_path / "12"), CLASSES) == {"a.jpg": 1}


@pytest.mark.parametrize("name", ["model", "latest-2"])
def test_a_folder_without_a_rounds_number_has_no_earlier_rounds(tmp_path: Path, name: str) -> None:
    index = batch("a", 0, 1)
    completed(tmp_path / "1", index)
    (tmp_path / name).mkdir()
    assert draw_replay(of_round(tmp_path / name), dict(index), [], 9, 0) == Replay([], {})


def test_what_is_recorded_is_an_index_file(tmp_path: Path) -> None:
    record(tmp_path / "1", [Sample("a b.jpg", 1)])
    assert (of_round(tmp_path / "1").samples).read_text(encoding="utf-8") == "a b.jpg dog\n"


def test_what_is_given_and_what_was_missed_is_one_index_file(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_bytes(b"new.jpg cat\nbad line \xff")
    second = of_round(tmp_path / "2")
    second.make()
    record_samples(second, tmp_path / "data.txt", [Sample("old.jpg", 0)], CLASSES)
    recorded = second.samples.read_bytes()
    assert recorded == b"new.jpg cat\nbad line \xff\nold.jpg croissant\n"


def test_a_round_whose_worker_never_came_so_far_is_missed(tmp_path: Path) -> None:
    given = tmp_path / "data" / "train" / "1" / "data.txt"
    given.parent.mkdir(parents=True)
    given.write_text("a.jpg dog\n")
    index = {"a.jpg": 1, "b.jpg": 0}
    drawn = draw_replay(of_round(tmp_path / "train" / "2"), index, [], 9, 0)
    assert drawn == Replay([Sample("a.jpg", 1)], {})


def test_a_bad_line_is_missed_once_the_index_has_a_valid_one(tmp_path: Path) -> None:
    completed(tmp_path / "1", batch("a", 0))
    of_round(tmp_path / "1").samples.write_text("a/0.jpg croissant\nb.jpg dgo\n")
    of_round(tmp_path / "1").train_quarantine.write_text(
        "path,line,reason\nb.jpg,2,the label 'dgo' is not a class\n"
    )
    known = {"a/0.jpg": 0}
    second = of_round(tmp_path / "2")
    assert draw_replay(second, known, [], 0, 0).missed == []
    corrected = known | {"b.jpg": 1}
    assert draw_replay(second, corrected, [], 0, 0).missed == [Sample("b.jpg", 1)]

    completed(tmp_path / "2", [Sample("b.jpg", 1)])
    assert draw_replay(of_round(tmp_path / "3"), corrected, [], 0, 0).missed == []
