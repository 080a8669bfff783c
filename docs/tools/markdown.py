"""Markdown that both GitHub and MkDocs show as it is meant."""

import re
from collections.abc import Iterable, Sequence

__all__ = ["cell", "code", "code_block", "page", "prose", "table"]

_DOUBLE_BACKTICKS = re.compile(r"``([^`]+)``")

_NOTICE = "<!-- Written by `make reference` from the code: change it there. -->"
"""Stands at the head of every page that is written."""


def page(title: str, *parts: str) -> str:
    """Return a page of these parts, with a blank line between them."""
    return "\n\n".join([_NOTICE, f"# {title}", *(part.strip("\n") for part in parts)]) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; every row has as many cells as there are heads."""
    lines = [heads, ["---"] * len(heads), *([cell(each) for each in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(text: str) -> str:
    """Return the text as one line that no table takes for two cells."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")


def code(text: object) -> str:
    """Return the text in backticks, or nothing for nothing."""
    shown = str(text)
    fence = "``" if "`" in shown else "`"
    return f"{fence}{shown}{fence}" if shown else ""


def code_block(text: str) -> str:
    """Return the text as a block of code."""
    return f"```text\n{text.rstrip()}\n```"


def prose(docstring: str | None) -> str:
    """Return a docstring as Markdown: its code has single backticks."""
    return _DOUBLE_BACKTICKS.sub(r"`\1`", docstring or "")
