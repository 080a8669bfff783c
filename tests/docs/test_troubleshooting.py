"""Every sentence that the page quotes is one of the sources'."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.reading import DOCS, REPOSITORY

_PAGE = DOCS / "how-to" / "troubleshooting.md"
_PACKAGES = ("backend", "workers", "jobs", "demo")
_GAP = "…"

QUOTED = [
    line.removeprefix("### ").strip().removeprefix("`").removesuffix("`")
    for line in _PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("### ")
]


def _texts(node: ast.AST) -> Iterator[str]:
    """Yield the texts in the code, with a gap for each value that they are formatted with."""
    match node:
        case ast.JoinedStr():
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else _GAP for part in node.values
            )
        case ast.Constant(str(text)):
            yield text.replace("%s", _GAP)
    for child in ast.iter_child_nodes(node):
        if not isinstance(node, ast.JoinedStr):
            yield from _texts(child)


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    files = [file for name in _PACKAGES for file in Path(REPOSITORY, name).rglob("*.py")]
    return [text for file in files for text in _texts(ast.parse(file.read_text(encoding="utf-8")))]


def test_there_are_sentences_to_hold_the_page_to(sentences: list[str]) -> None:
    assert len(QUOTED) > 30
    assert not any("no source says this" in text for text in sentences)


@pytest.mark.parametrize("quoted", QUOTED)
def test_a_quoted_sentence_is_one_of_the_sources(quoted: str, sentences: list[str]) -> None:
    assert any(quoted in text for text in sentences)
