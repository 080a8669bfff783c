"""Sides in turn, and processes that are measured."""

import os
import sys
from functools import partial
from pathlib import Path

import pytest

from bench.answering import Values
from bench.measure import SubjectError, run_to_end
from bench.setting import Setting


def test_sides_are_measured_in_turn(tmp_path: Path) -> None:
    order: list[str] = []
    said: list[str] = []

    def measure(side: str) -> Values:
        order.append(side)
        return {"speed": len(order)}

    setting = Setting(tmp_path, 3, False, said.append)
    measured = setting.in_turn({side: partial(measure, side) for side in "AB"})

    assert "".join(order) == "ABABAB"
    assert measured["A"]["speed"] == (1, 3, 5)
    assert measured["B"]["speed"] == (2, 4, 6)
    assert len(said) == 6


def test_the_peak_is_of_the_process_that_was_run() -> None:
    mebibytes = 300
    held = f"x = b'1' * ({mebibytes} << 20)"
    # From a small process: what a large one starts counts as large as it, until it is replaced.
    measuring = (
        "import os, sys; from bench.measure import run_to_end;"
        f"print(run_to_end([sys.executable, '-c', {held!r}], os.environ).peak_mib)"
    )

    peak_mib = float(run_to_end([sys.executable, "-c", measuring], os.environ).output)

    assert mebibytes <= peak_mib < 2 * mebibytes


def test_a_process_that_fails_is_an_error_with_its_last_lines() -> None:
    with pytest.raises(SubjectError, match="ended with 3: why it failed"):
        run_to_end(
            [sys.executable, "-c", "import sys; print('why it failed'); sys.exit(3)"], os.environ
        )
