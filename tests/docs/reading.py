"""What the tests read of the documentation's pages."""

import re
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"

_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r'title="([^"]+)"')


class Block(NamedTuple):
    """A block of code."""

    language: str
    title: str
    """The file that it is, or empty."""
    text: str


def blocks(page: Path) -> list[Block]:
    """Return a page's blocks of code, in order."""
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [Block(language, _title(rest), text) for language, rest, text in found]


def _title(rest: str) -> str:
    match = _TITLE.search(rest)
    return match[1] if match else ""
