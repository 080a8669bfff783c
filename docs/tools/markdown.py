"""Markdown pages that people write, with blocks that come from the code or from measurements.

A block stands between ``<!-- name -->`` and ``<!-- end name -->``; `fill` replaces its text.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["Blocks", "block_names", "cell", "code", "fill", "prose", "table"]

Blocks = Mapping[str, Callable[[], str]]
"""Block name to the function that writes its text."""

_BLOCK = re.compile(r"<!-- (?P<name>[^>]+) -->\n.*?<!-- end (?P=name) -->", re.DOTALL)
_DOUBLE_BACKTICKS = re.compile(r"``([^`]+)``")


def fill(page: str, blocks: Blocks) -> str:
    """Return ``page`` with new text in each of its blocks; a KeyError names an unknown block."""

    def written(block: re.Match[str]) -> str:
        name = block["name"]
        return f"<!-- {name} -->\n{blocks[name]().strip()}\n<!-- end {name} -->"

    return _BLOCK.sub(written, page)


def block_names(page: str) -> list[str]:
    """Return the names of the blocks of ``page``, in order."""
    return [block["name"] for block in _BLOCK.finditer(page)]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; every row has as many cells as there are heads."""
    lines = [heads, ["---"] * len(heads), *([cell(each) for each in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(text: str) -> str:
    """Return the text as one line, with its bars and backslashes escaped."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")


def code(text: object) -> str:
    """Return the text in backticks, or nothing for nothing."""
    shown = str(text)
    fence = "``" if "`" in shown else "`"
    return f"{fence}{shown}{fence}" if shown else ""


def prose(docstring: str | None) -> str:
    """Return a docstring as Markdown: its code has single backticks."""
    return _DOUBLE_BACKTICKS.sub(r"`\1`", docstring or "")
