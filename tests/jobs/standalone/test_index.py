from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import DatasetError
from jobs.standalone.index import (
    Lines,
    Shares,
    count,
    count_lines,
    read_index,
    select,
    write_samples,
)

LINES = [f"line {number}" for number in range(2000)]

probabilities = st.floats(min_value=0, max_value=1)
increments = st.lists(st.integers(min_value=0, max_value=50), max_size=30)


def grown(sizes: list[int], train_prob: float) -> Shares:
    shares, total = Shares(), 0
    for size in sizes:
        total += size
        shares = shares.grown(total, train_prob)
    return shares


@given(increments, probabilities)
def test_no_line_is_lost_and_none_is_there_twice(sizes: list[int], train_prob: float) -> None:
    shares = grown(sizes, train_prob)
    lines = select(LINES, shares.train) + select(LINES, shares.eval)
    assert sorted(lines) == sorted(LINES[: sum(sizes)])


@given(increments, probabilities)
def test_of_each_increment_the_first_lines_go_to_training(
    sizes: list[int], train_prob: float
) -> None:
    train, evaluation, start = [], [], 0
    for size in sizes:
        middle = start + int(train_prob * size)
        train += LINES[start:middle]
        evaluation += LINES[middle : start + size]
        start += size
    shares = grown(sizes, train_prob)
    assert select(LINES, shares.train) == train
    assert select(LINES, shares.eval) == evaluation


@given(increments, probabilities, st.data())
def test_over_rounds_each_line_is_trained_on_or_evaluated_once_as_new(
    sizes: list[int], train_prob: float, data: st.DataObject
) -> None:
    shares, total = Shares(), 0
    train: list[str] = []
    new: list[str] = []
    for size in sizes:
        total += size
        shares = shares.grown(total, train_prob)
        if data.draw(st.booleans()):
            train += select(LINES, shares.train)
            new += select(LINES, shares.eval)
            shares = shares.trained().evaluated()
    train += select(LINES, shares.train)
    new += select(LINES, shares.eval)
    assert sorted(train + new) == sorted(LINES[:total])


def test_an_evaluation_repeats_up_to_five_earlier_shares() -> None:
    shares = Shares()
    for round_ in range(1, 10):
        shares = shares.grown(10 * round_, 0.8)
        expected = [line for r in range(max(1, round_ - 5), round_ + 1) for line in eval_share(r)]
        assert select(LINES, shares.to_evaluate) == expected
        shares = shares.trained().evaluated()


def eval_share(round_: int) -> list[str]:
    return LINES[10 * round_ - 2 : 10 * round_]


@given(st.integers(0, 100), st.integers(0, 100))
def test_a_shorter_index_changes_nothing(total: int, later: int) -> None:
    shares = grown([total], 0.5)
    if later <= total:
        assert shares.grown(later, 0.5) == shares


@given(st.lists(st.integers(1, 5), min_size=1), st.sampled_from([0.0, 1.0]))
def test_shares_that_touch_are_one_range(sizes: list[int], train_prob: float) -> None:
    shares = grown(sizes, train_prob)
    assert shares.train + shares.eval == (Lines(start=0, stop=sum(sizes)),)
    assert count(shares.train) + count(shares.eval) == sum(sizes)


def test_an_index_that_lost_lines_is_an_error() -> None:
    with pytest.raises(DatasetError, match="has 2, and line 3 was read before"):
        select(["a", "b"], [Lines(start=0, stop=3)])


def test_an_index_that_is_not_there_yet_has_no_lines(tmp_path: Path) -> None:
    assert read_index(tmp_path / "index.txt") == []
    assert count_lines(tmp_path / "index.txt") == 0


def test_a_line_counts_once_it_has_its_newline(tmp_path: Path) -> None:
    index = tmp_path / "index.txt"
    index.write_bytes(b"a dog\nb cr")
    assert read_index(index) == ["a dog"]
    assert count_lines(index) == 1
    index.write_bytes(b"a dog\nb croissant\n")
    assert read_index(index) == ["a dog", "b croissant"]


def test_line_ends_of_windows_are_no_part_of_a_sample(tmp_path: Path) -> None:
    index = tmp_path / "index.txt"
    index.write_bytes(b"a dog\r\n\r\nb dog\r\n")
    assert read_index(index) == ["a dog", "", "b dog"]


@given(st.lists(st.binary(max_size=20).filter(lambda b: not set(b) & set(b"\r\n"))))
def test_samples_are_written_byte_by_byte_as_they_were_read(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("index")
    content = b"".join(line + b"\n" for line in lines)
    (folder / "index.txt").write_bytes(content)
    assert count_lines(folder / "index.txt") == len(read_index(folder / "index.txt"))
    write_samples(folder / "round" / "data.txt", read_index(folder / "index.txt"))
    assert (folder / "round" / "data.txt").read_bytes() == content
