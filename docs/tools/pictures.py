"""``python -m docs.tools.pictures``: draw docs/pictures from a run of the demo.

The live view is drawn as SVG, the report as a screenshot by a headless Chromium. The report
shows hard examples as the demo rendered them.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from rich.console import Console

from backend.errors import MissingPackageError, ProjectError
from backend.files import replaced_atomically, write_atomically
from jobs.report import write_report
from jobs.resources.loader import load_job
from jobs.standalone.runner import StandaloneRunner
from jobs.status import JobStatus
from jobs.view import render

__all__ = ["draw_live_view", "draw_report", "main"]

_REPOSITORY = Path(__file__).parents[2]
_PICTURES = _REPOSITORY / "docs" / "pictures"
_COLUMNS = 112
_WIDTH, _HEIGHT = 1100, 1500
_COLOURS = 128
_SECONDS = 60
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # fetched from another site


def draw_live_view(status: JobStatus, target: Path) -> None:
    """Draw the live view as it was at the newest condition of ``status``, which has one."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(file=nowhere, record=True, width=_COLUMNS, force_terminal=True)
        console.print(render(status, status.conditions[-1].time))
        console.print(" ")  # room for the last line's descenders
    svg = _FONTS.sub("", console.export_svg(title="make demo", unique_id="live"))
    write_atomically(target, f"{svg.rstrip()}\n".encode())


def draw_report(status: JobStatus, target: Path, *, browser: str = "chromium") -> None:
    """Draw the head of the report of ``status``.

    Raises MissingPackageError if there is no ``browser``.
    """
    with tempfile.TemporaryDirectory() as folder:
        page, shot = write_report(status, Path(folder, "report.html")), Path(folder, "report.png")
        _photograph(browser, page, shot)
        # A palette halves the file twice over.
        picture = Image.open(shot).convert("RGB").quantize(_COLOURS)
    with replaced_atomically(target) as temporary:
        picture.save(temporary, format="PNG", optimize=True)


def _photograph(browser: str, page: Path, shot: Path) -> None:
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--hide-scrollbars",
        f"--window-size={_WIDTH},{_HEIGHT}",
        f"--user-data-dir={shot.parent / 'profile'}",
        f"--screenshot={shot}",
        page.as_uri(),
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)
    except FileNotFoundError:
        raise MissingPackageError(
            f"{browser}: there is no such program: install Chromium, or name it with --browser."
        ) from None


def main() -> int:
    """Draw both; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m docs.tools.pictures", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("demo-run"), help="default: demo-run")
    parser.add_argument("--browser", default="chromium", help="default: chromium")
    options = parser.parse_args()
    try:
        status = StandaloneRunner(load_job([_REPOSITORY / "manifests"]), options.root).status()
        draw_live_view(status, _PICTURES / "live-view.svg")
        draw_report(status, _PICTURES / "report.png", browser=options.browser)
    except ProjectError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
