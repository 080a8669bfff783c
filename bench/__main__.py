"""``python -m bench [--only NAME] [--repeats N] [--quick]``: what ``make bench`` runs."""

import argparse
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from backend.errors import ProjectError
from bench.comparisons import COMPARISONS
from bench.machine import Machine, pin_to_cores
from bench.rendering import render
from bench.results import Outcome, Results
from bench.setting import Comparison, Setting

_ISA_LIMIT = "ONEDNN_MAX_CPU_ISA"
_ROOT = Path(__file__).parent.parent
_PAGE = _ROOT / "docs" / "benchmarks.md"
_QUICK_PAGE = _ROOT / "build" / "bench" / "benchmarks.md"


def _main() -> int:
    options = _options()
    pin_to_cores()
    os.environ.pop(_ISA_LIMIT, None)  # each side sets what it sets by itself
    page = _QUICK_PAGE if options.quick else _PAGE
    kept = page.with_suffix("") / "results.json"
    results = Results.read(kept, Machine.here())
    chosen = [each for each in COMPARISONS if options.only in {None, each.name}]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        setting = Setting(Path(folder), options.repeats, options.quick, _say)
        for comparison in chosen:
            results = results.with_outcome(_measured(comparison, setting))
            results.write(kept)
            render(results, COMPARISONS, page)
    _say(f"{page} is written.")
    return int(any(each.problem for each in results.outcomes))


def _measured(comparison: Comparison, setting: Setting) -> Outcome:
    """Measure one comparison; what goes wrong with it is part of its outcome."""
    _say(f"{comparison.name}: {comparison.title}")
    began, now = time.monotonic(), datetime.now(UTC)
    try:
        figures, problem = tuple(comparison.measure(setting)), ""
    except ProjectError as error:
        figures, problem = (), str(error)
        _say(f"  {error}")
    return Outcome(
        name=comparison.name,
        measured=now,
        seconds=time.monotonic() - began,
        figures=figures,
        problem=problem,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--only", choices=[each.name for each in COMPARISONS], help="one of them")
    parser.add_argument("--repeats", type=int, default=3, help="of each side; default: 3")
    parser.add_argument(
        "--quick", action="store_true", help="see that it runs; writes to build/bench"
    )
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(_main())
