"""``python -m bench [--only NAME] [--repeats N] [--quick]``: what ``make bench`` runs."""

import argparse
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from backend.errors import ProjectError
from bench.comparisons import COMPARISONS, DRAWN
from bench.machine import describe_machine, pin_to_cores
from bench.measure import ROOT
from bench.picture import draw_figures
from bench.rendering import render
from bench.results import Outcome, Results
from bench.setting import Setting

_PAGE = ROOT / "docs" / "benchmarks.md"
_QUICK_PAGE = ROOT / "build" / "bench" / "benchmarks.md"


def _main() -> int:
    options = _options()
    pin_to_cores()
    os.environ.pop("ONEDNN_MAX_CPU_ISA", None)  # each side sets what it sets by itself
    target = _QUICK_PAGE if options.quick else _PAGE
    kept = target.with_suffix("") / "results.json"
    results = Results.read(kept, describe_machine())
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        setting = Setting(Path(folder), options.repeats, options.quick, _say)
        for name in [options.only] if options.only else COMPARISONS:
            outcome = _measured(name, setting)
            results = results.with_outcome(outcome)
            if name in DRAWN and outcome.figures:
                draw_figures(outcome.figures, DRAWN[name], target.with_suffix("") / f"{name}.svg")
            results.write(kept)
            render(results, COMPARISONS, DRAWN, _PAGE, target)
    _say(f"{target} is written.")
    return int(any(each.problem for each in results.outcomes))


def _measured(name: str, setting: Setting) -> Outcome:
    """Measure one comparison; what goes wrong with it is part of its outcome."""
    _say(name)
    began, now = time.monotonic(), datetime.now(UTC)
    try:
        figures, problem = tuple(COMPARISONS[name](setting)), ""
    except ProjectError as error:
        figures, problem = (), str(error)
        _say(f"  {error}")
    seconds = time.monotonic() - began
    return Outcome(name=name, measured=now, seconds=seconds, figures=figures, problem=problem)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--only", choices=COMPARISONS, help="one of them")
    parser.add_argument("--repeats", type=int, default=3, help="of each side; default: 3")
    parser.add_argument(
        "--quick", action="store_true", help="only to see that it runs; writes to build/bench"
    )
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(_main())
