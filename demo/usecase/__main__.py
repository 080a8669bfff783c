"""``python -m demo.usecase run|render``: what ``make report`` runs."""

import argparse
import asyncio
import sys
from pathlib import Path

from rich.console import Console

from backend.errors import ProjectError
from demo.pictures import CLASS_NAMES
from demo.scenario import Scenario
from demo.usecase.photographs import Photographs
from demo.usecase.results import Results
from demo.usecase.study import ARMS, run_study

_DOCS = Path(__file__).parents[2] / "docs"
_HARD_EXAMPLES = "hard-examples"
_HELD_OUT = 400


def _main() -> int:
    options = _options()
    try:
        options.do(options)
    except ProjectError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("The runs were stopped: there are no new results.\n")
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo.usecase", description=__doc__)
    parser.add_argument("--docs", type=Path, default=_DOCS, help="default: docs")
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="run the jobs; write use-case/results.json")
    run.add_argument("--work", type=Path, default=Path("build/use-case"), help="may be removed")
    run.add_argument("--rounds", type=int, default=2, help="default: 2")
    run.add_argument("--photographs", type=Path, help="a folder with weights and photographs")
    run.set_defaults(do=_run)
    render = commands.add_parser("render", help="write use-case-report.md from results.json")
    render.set_defaults(do=_render)
    return parser.parse_args()


def _run(options: argparse.Namespace) -> None:
    folder = options.docs / "use-case"
    given = options.photographs
    photographs = Photographs.of(given, CLASS_NAMES) if given else None
    scenario = Scenario(rounds=options.rounds, held_out=_HELD_OUT)
    results = run_study(
        options.work,
        shown=folder / _HARD_EXAMPLES,
        scenario=scenario,
        arms=ARMS,
        photographs=photographs,
        console=Console(),
    )
    results.write(folder / "results.json")


def _render(options: argparse.Namespace) -> None:
    # Plots and templates are not needed to run.
    from demo.usecase.page import write_page  # noqa: PLC0415

    folder = options.docs / "use-case"
    write_page(Results.read(folder / "results.json"), options.docs)


if __name__ == "__main__":
    sys.exit(_main())
