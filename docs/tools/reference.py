"""``python -m docs.tools.reference``: write the reference pages from the code."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from backend.files import write_atomically
from docs.tools.command_line import iljob_page
from docs.tools.files import files_page
from docs.tools.manifests import manifests_page
from docs.tools.metrics import metrics_page
from docs.tools.miners import miners_page
from docs.tools.settings import settings_page
from docs.tools.statuses import exit_status_page

__all__ = ["FOLDER", "PAGES", "main"]

FOLDER = Path(__file__).parents[1] / "reference"

PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "manifests.md": manifests_page,
    "metrics.md": metrics_page,
    "miners.md": miners_page,
    "files.md": files_page,
    "exit-status.md": exit_status_page,
    "iljob.md": iljob_page,
}
"""File name to what writes its text."""


def main() -> int:
    """Write the pages that have changed, and name them; return the exit status."""
    for name, make in PAGES.items():
        file, text = FOLDER / name, make()
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            write_atomically(file, text.encode())
            sys.stdout.write(f"{file}: written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
