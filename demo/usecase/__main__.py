"""``python -m demo.usecase run|fill``: what ``make report`` runs."""

import argparse
import asyncio
import sys
from pathlib import Path

from rich.console import Console

from backend.errors import ProjectError
from backend.files import write_atomically
from demo.usecase.plots import draw_accuracy, draw_examples, draw_hard_examples
from demo.usecase.runs import read_records, run_all
from demo.usecase.tables import blocks
from docs.tools.markdown import fill

_PAGE = Path(__file__).parents[2] / "docs" / "use-case-report.md"
_PICTURES = _PAGE.parent / "use-case"


def main() -> int:
    """Run the jobs, or fill the page from their records; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m demo.usecase", description=__doc__)
    parser.add_argument("command", choices=("run", "fill"), help="run the jobs; fill the page")
    parser.add_argument("--work", type=Path, default=Path("build/use-case"), help="may be removed")
    parser.add_argument("--rounds", type=int, default=2, help="default: 2")
    parser.add_argument("--photographs", type=Path, help="a folder with weights and photographs")
    options = parser.parse_args()
    try:
        if options.command == "run":
            run_all(options.work, options.rounds, options.photographs, Console())
        else:
            _fill(options.work)
    except ProjectError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("The runs were stopped; the page has not changed.\n")
        return 1
    return 0


def _fill(work: Path) -> None:
    stories, photographs = read_records(work)
    filled = fill(_PAGE.read_text(encoding="utf-8"), blocks(stories, photographs))
    draw_examples(_PICTURES / "examples.jpg")
    draw_hard_examples(stories[0], _PICTURES / "hard-examples.jpg")
    draw_accuracy(stories, _PICTURES / "accuracy.png")
    write_atomically(_PAGE, filled.encode())


if __name__ == "__main__":
    sys.exit(main())
