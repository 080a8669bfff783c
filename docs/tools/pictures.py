"""``python -m docs.tools.pictures``: run the demo, and draw docs/pictures from it.

The live view is drawn as a moving SVG, the report as a screenshot by a headless Chromium. The
report shows hard examples as the demo rendered them.
"""

import argparse
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image
from rich.align import Align
from rich.console import Console

from backend.errors import MissingPackageError, ProjectError, SettingsError
from backend.files import replaced_atomically, write_atomically
from jobs.report import write_report
from jobs.resources.loader import load_job
from jobs.standalone.runner import StandaloneRunner
from jobs.status import JobStatus
from jobs.view import render

__all__ = ["draw_film", "draw_report", "frame", "main"]

_REPOSITORY = Path(__file__).parents[2]
_PICTURES = _REPOSITORY / "docs" / "pictures"
_COLUMNS, _LINES = 112, 16
_FRAMES, _FRAME_SECONDS = 15, 1.5
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # fetched from another site
_SIZE = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
_REPORT_SIZE = "1100,1500"
_COLOURS = 128
_BROWSER_SECONDS = 60


def frame(status: JobStatus, now: datetime, name: str) -> str:
    """Return the live view as SVG; ``name`` keeps its ids apart from those of other frames."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(file=nowhere, record=True, width=_COLUMNS, force_terminal=True)
        console.print(Align(render(status, now), vertical="top", width=_COLUMNS, height=_LINES))
    return _FONTS.sub("", console.export_svg(title="make demo", unique_id=name)).rstrip()


def draw_film(frames: Sequence[str], target: Path) -> None:
    """Draw at most 16 of ``frames``, below each other, behind a window that moves down.

    Where nothing moves, as in print, the last one is shown.
    """
    chosen = [*frames[: -1 : -(-len(frames) // _FRAMES)], frames[-1]]
    size = _SIZE.search(chosen[0])
    width, height = (math.ceil(float(part)) for part in size.groups()) if size else (0, 0)
    last = f"transform:translateY({-height * (len(chosen) - 1)}px)"
    seconds = _FRAME_SECONDS * len(chosen)
    film = [
        re.sub(r">\s+<", "><", each).replace(
            "<svg ", f'<svg y="{height * number}" width="{width}" height="{height}" ', 1
        )
        for number, each in enumerate(chosen)
    ]
    write_atomically(
        target,
        "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">',
                f"<style>.film{{{last};animation:film {seconds:g}s steps({len(chosen) - 1})"
                f" infinite}}@keyframes film{{0%{{transform:none}}85%,100%{{{last}}}}}</style>",
                '<g class="film">',
                *film,
                "</g></svg>\n",
            ]
        ).encode(),
    )


def draw_report(status: JobStatus, target: Path, *, browser: str = "chromium") -> None:
    """Draw the head of the report of ``status``.

    Raises MissingPackageError if there is no ``browser``.
    """
    with tempfile.TemporaryDirectory() as folder:
        page, shot = write_report(status, Path(folder, "report.html")), Path(folder, "report.png")
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--screenshot={shot}"]
        options += [f"--window-size={_REPORT_SIZE}", f"--user-data-dir={folder}/profile"]
        command = [browser, *options, page.as_uri()]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_BROWSER_SECONDS)
        except FileNotFoundError:
            raise MissingPackageError(
                f"{browser}: there is no such program: install Chromium, or name it with --browser."
            ) from None
        # A palette halves the file twice over.
        picture = Image.open(shot).convert("RGB").quantize(_COLOURS)
    with replaced_atomically(target) as temporary:
        picture.save(temporary, format="PNG", optimize=True)


def _film(root: Path) -> tuple[list[str], JobStatus]:
    """Run the demo in ``root``; return a frame for each new condition, and the last status."""
    runner = StandaloneRunner(load_job([_REPOSITORY / "manifests"]), root)
    frames: list[str] = []
    with subprocess.Popen([sys.executable, "-m", "demo", "--root", str(root)]) as demo:
        conditions = 0
        while demo.poll() is None:
            time.sleep(0.5)
            try:
                status = runner.status()
            except SettingsError:  # the demo has not started the job yet
                continue
            if len(status.conditions) > conditions:
                frames.append(frame(status, datetime.now(UTC), f"f{len(frames)}"))
            conditions = len(status.conditions)
    return frames, runner.status()


def main() -> int:
    """Draw both; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m docs.tools.pictures", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("demo-run"), help="default: demo-run")
    parser.add_argument("--browser", default="chromium", help="default: chromium")
    options = parser.parse_args()
    try:
        frames, status = _film(options.root)
        draw_film(frames, _PICTURES / "live-view.svg")
        draw_report(status, _PICTURES / "report.png", browser=options.browser)
    except ProjectError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
