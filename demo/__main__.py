"""``python -m demo [--root DIR] [--seed N] [--label]``: what ``make demo`` runs."""

import argparse
import asyncio
import sys
from pathlib import Path

from rich.console import Console

from backend.errors import ProjectError
from demo.manifests import MANIFESTS
from demo.scenario import Scenario
from demo.story import run_demo
from jobs.status import Outcome

_STOPPED = (
    "The demo was stopped: run it again to start over, or continue its job as it is with "
    "`.venv/bin/iljob run manifests --root {root}`.\n"
)


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo")
    parser.add_argument("--root", type=Path, default=Path("demo-run"), help="default: demo-run")
    parser.add_argument("--seed", type=int, default=0, help="other pictures, the same story")
    parser.add_argument("--label", action="store_true", help="label the pictures yourself")
    options = parser.parse_args()
    scenario = Scenario(seed=options.seed, by_hand=options.label)
    try:
        status = run_demo(MANIFESTS, options.root, scenario, Console())
    except ProjectError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write(_STOPPED.format(root=options.root))
        return 1
    return int(any(each.outcome is Outcome.FAILED for each in status.rounds))


if __name__ == "__main__":
    sys.exit(_main())
