"""The tables that are made of results."""

from pathlib import Path

import pytest

from bench.comparisons import COMPARISONS
from bench.rendering import render
from bench.results import Bar, Results
from docs.tools.markdown import block_names
from tests.bench.test_results import MACHINE, figure, outcome

PAGE = """
# Benchmarks

<!-- machine -->
<!-- end machine -->

## How fast

<!-- fast -->
<!-- end fast -->

## How small

<!-- small -->
<!-- end small -->

## Never

<!-- never -->
<!-- end never -->
"""
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
    (tmp_path / "template.md").write_text(PAGE)
    render(
        RESULTS,
        ["fast", "small", "never"],
        {"fast"},
        tmp_path / "template.md",
        tmp_path / "page.md",
    )
    return tmp_path / "page.md"


def test_the_page_has_each_figure_with_its_spread_and_bar(page: Path) -> None:
    lines = page.read_text("utf-8").splitlines()

    assert "| speed | this project | 12.3 images/s | 10 to 1234 | at least 11 | yes |" in lines
    assert "| speed | peer | 2 images/s | 1 to 3 |  |  |" in lines
    assert any(line.endswith("(benchmarks/fast.svg)") for line in lines)


def test_a_comparison_that_failed_says_why_and_loses_no_other(page: Path) -> None:
    section = page.read_text("utf-8").partition("## How small")[2]

    assert "Not measured: no photographs." in section


def test_a_comparison_that_was_never_measured_says_so(page: Path) -> None:
    section = page.read_text("utf-8").partition("## Never")[2]

    assert "Not measured yet: `make bench ONLY=never`." in section


def test_the_machine_is_on_the_page(page: Path) -> None:
    text = page.read_text("utf-8")

    assert "| CPU | Test; avx2 |" in text
    assert "| peers' | not installed |" in text


def test_the_documentation_has_a_block_for_each_comparison() -> None:
    page = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text("utf-8")

    assert block_names(page) == ["machine", *COMPARISONS]
