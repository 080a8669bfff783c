"""Medians, ratios, bars, and what is kept of earlier comparisons."""

from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.results import Bar, Figure, Outcome, Results, ratio

MACHINE = {"CPU": "Test; avx2", "peers'": "not installed"}
POSITIVE = st.floats(min_value=1e-3, max_value=1e6)


def figure(*values: float, side: str = "this project", bar: Bar | None = None) -> Figure:
    return Figure(side=side, name="speed", unit="images/s", values=values, bar=bar)


def outcome(name: str, *figures: Figure, problem: str = "") -> Outcome:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    return Outcome(name=name, measured=now, seconds=1, figures=figures, problem=problem)


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1, max_size=9))
def test_a_ratio_is_of_the_turns_and_not_of_the_medians(turns: list[tuple[float, float]]) -> None:
    ours, theirs = zip(*turns, strict=True)

    result = ratio(figure(*ours), figure(*theirs, side="peer"), "speed")

    assert result.median == median(a / b for a, b in turns)
    assert result.side == "this project / peer"


def test_a_ratio_of_sides_that_were_not_measured_equally_often_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio(figure(1, 2), figure(1), "speed")


@pytest.mark.parametrize(
    ("is_lowest", "value", "is_met"),
    [(True, 1.0, True), (True, 0.99, False), (False, 1.0, True), (False, 1.01, False)],
)
def test_a_bar_is_met_at_its_limit(is_lowest: bool, value: float, is_met: bool) -> None:
    assert figure(value, bar=Bar(limit=1.0, is_lowest=is_lowest)).is_met is is_met


def test_the_median_is_held_to_the_bar_and_not_the_best() -> None:
    assert figure(0.5, 0.9, 2.0, bar=Bar(limit=1.0, is_lowest=True)).is_met is False


def test_a_figure_without_a_bar_is_neither_met_nor_missed() -> None:
    assert figure(1.0).is_met is None


def test_a_comparison_that_is_measured_again_replaces_only_itself(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    first = Results(machine=MACHINE).with_outcome(outcome("a", figure(1)))
    first.with_outcome(outcome("b", figure(2))).write(file)

    again = Results.read(file, MACHINE).with_outcome(outcome("a", figure(3)))

    assert {each.name: each.figures[0].median for each in again.outcomes} == {"a": 3, "b": 2}


def test_figures_of_another_machine_are_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    Results(machine=MACHINE).with_outcome(outcome("a", figure(1))).write(file)

    assert not Results.read(file, MACHINE | {"CPU": "Other"}).outcomes
