"""``python -m docs.tools.pictures``: run the demo, and draw docs/pictures from it.

The live view is drawn as a moving SVG, the report as a screenshot by a headless Chromium. The
report shows hard examples as the demo rendered them.
"""

import argparse
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from backend.errors import MissingPackageError, ProjectError, SettingsError
from backend.files import replaced_atomically
from docs.tools.animation import Moment, draw_animation, record
from jobs.report import write_report
from jobs.resources.loader import load_job
from jobs.standalone.runner import StandaloneRunner
from jobs.status import JobStatus

__all__ = ["draw_report", "main"]

_REPOSITORY = Path(__file__).parents[2]
_PICTURES = _REPOSITORY / "docs" / "pictures"
_WIDTH, _HEIGHT = 1100, 1500
_COLOURS = 128
_SECONDS = 60


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


def _recorded(root: Path) -> list[Moment]:
    """Run the demo in ``root``, and record its job."""
    with subprocess.Popen([sys.executable, "-m", "demo", "--root", str(root)]) as demo:
        return record(lambda: _moment(root), lambda: demo.poll() is None)


def _moment(root: Path) -> Moment | None:
    try:
        return Moment(datetime.now(UTC), _runner(root).status())
    except SettingsError:  # the demo has not started the job yet
        return None


def _runner(root: Path) -> StandaloneRunner:
    return StandaloneRunner(load_job([_REPOSITORY / "manifests"]), root)


def main() -> int:
    """Draw both; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m docs.tools.pictures", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("demo-run"), help="default: demo-run")
    parser.add_argument("--browser", default="chromium", help="default: chromium")
    options = parser.parse_args()
    try:
        moments = _recorded(options.root)
        draw_animation(moments, _PICTURES / "live-view.svg", title="make demo")
        draw_report(moments[-1].status, _PICTURES / "report.png", browser=options.browser)
    except ProjectError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
