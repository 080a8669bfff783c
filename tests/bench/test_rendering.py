"""The page, the CSV file and the plots that are made of results."""

import csv
from pathlib import Path

import pytest

from bench.rendering import render
from bench.results import Bar, Figure, Results
from bench.setting import Comparison, Setting
from tests.bench.test_results import MACHINE, figure, outcome


def _unused(_: Setting) -> list[Figure]:
    raise NotImplementedError


COMPARISONS = [
    Comparison("fast", "How fast", "Two threads.", _unused),
    Comparison("small", "How small", "One process.", _unused),
    Comparison("never", "Never", "None.", _unused),
]


RESULTS = (
    Results(machine=MACHINE)
    .with_outcome(outcome("small", problem="no photographs."))
    .with_outcome(
        outcome(
            "fast",
            figure(12.345, 10.0, 1234.5, bar=Bar(limit=11, is_lowest=True)),
            figure(3.0, 2.0, 1.0, side="peer"),
        )
    )
)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    render(RESULTS, COMPARISONS, tmp_path / "benchmarks.md")
    return tmp_path / "benchmarks.md"


def test_the_page_has_each_figure_with_its_spread_and_bar(page: Path) -> None:
    lines = page.read_text("utf-8").splitlines()

    assert "| speed | this project | 12.3 images/s | 10 to 1234 | at least 11 | yes |" in lines
    assert "| speed | peer | 2 images/s | 1 to 3 |  |  |" in lines


def test_sections_come_in_the_order_of_the_comparisons(page: Path) -> None:
    text = page.read_text("utf-8")

    assert text.index("## How fast") < text.index("## How small")


def test_a_comparison_that_failed_says_why_and_loses_no_other(page: Path) -> None:
    section = page.read_text("utf-8").partition("## How small")[2]

    assert "Not measured: no photographs." in section
    assert not page.with_suffix("").joinpath("small.svg").exists()


def test_a_comparison_that_was_never_measured_says_so(page: Path) -> None:
    section = page.read_text("utf-8").partition("## Never")[2]

    assert "Not measured yet: `make bench ONLY=never`." in section


def test_machine_and_versions_are_on_the_page(page: Path) -> None:
    text = page.read_text("utf-8")

    assert "Test; avx2" in text
    assert "numpy 1.26.4" in text
    assert "not installed" in text


def test_the_csv_file_has_every_repetition(page: Path) -> None:
    with (page.with_suffix("") / "figures.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert [row["values"] for row in rows] == ["12.345 10 1234.5", "3 2 1"]
    assert [row["met"] for row in rows] == ["True", ""]


def test_the_plot_is_a_picture_that_the_page_shows(page: Path) -> None:
    plot = page.with_suffix("") / "fast.svg"

    assert "</svg>" in plot.read_text("utf-8")
    assert "](benchmarks/fast.svg)" in page.read_text("utf-8")


def test_the_same_results_give_the_same_plot(page: Path) -> None:
    plot = page.with_suffix("") / "fast.svg"
    drawn = plot.read_bytes()

    render(RESULTS, COMPARISONS, page)

    assert plot.read_bytes() == drawn
