"""The committed series is what the sources make of it."""

import re
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sedna_sdk import REPOSITORY
from upstream.generate import SERIES, adapt, new_files

COMMITTED = sorted((REPOSITORY / "upstream").glob("*.patch"))
SERIES_OF_FILES = list(zip(SERIES, COMMITTED, strict=True))
each_patch = pytest.mark.parametrize(
    ("patch", "committed"), SERIES_OF_FILES, ids=[patch.name for patch in SERIES]
)


def diffs(committed: Path) -> dict[str, str]:
    """Return the part of each file in a patch, by its path."""
    parts = re.split(r"^diff --git a/\S+ b/(\S+)\n", read(committed), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def is_new(diff: str) -> bool:
    return diff.startswith("new file mode")


def added(diff: str) -> str:
    lines = diff.partition("@@\n")[2].splitlines()
    return "".join(f"{line[1:]}\n" for line in lines if line.startswith("+"))


def changed(diff: str) -> list[str]:
    """Return the lines of the hunks, without what stands for their places."""
    hunks = re.split(r"^@@.*\n", diff, flags=re.MULTILINE)[1:]
    return [line for hunk in hunks for line in hunk.splitlines()]


@each_patch
def test_its_new_files_are_those_of_the_sources(patch: Path, committed: Path) -> None:
    theirs = {path: added(diff) for path, diff in diffs(committed).items() if is_new(diff)}
    assert theirs == {path: content.decode() for path, content in new_files(patch).items()}


@each_patch
def test_its_edits_and_message_are_those_of_the_sources(patch: Path, committed: Path) -> None:
    edits = diffs(patch / "edits.diff") if (patch / "edits.diff").is_file() else {}
    theirs = {path: diff for path, diff in diffs(committed).items() if not is_new(diff)}
    assert {path: changed(diff) for path, diff in theirs.items()} == {
        path: changed(diff) for path, diff in edits.items()
    }
    subject, _, body = read(patch / "message.txt").partition("\n\n")
    header, _, rest = read(committed).partition("\n\n")
    assert re.sub(r"\n ", " ", header).endswith(f"] {subject.strip()}")
    assert rest.startswith(body.strip())
    assert "Signed-off-by: sedna-tinyms authors" in rest


@each_patch
def test_it_quotes_sedna_with_one_line_of_context_at_most(patch: Path, committed: Path) -> None:
    for diff in diffs(committed).values():
        context = "".join("c" if line.startswith(" ") else "x" for line in changed(diff))
        # Between two changes there is one line after the first and one before the second.
        assert "ccccc" not in context
        assert not is_new(diff) or "c" not in context


def test_a_module_that_imports_what_sedna_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'from backend\.models\.model_file import read'"):
        adapt("from backend.models.model_file import read\n")


words = st.lists(st.from_regex(r"[a-z]{1,12}", fullmatch=True), min_size=1, max_size=40)


@settings(max_examples=20, deadline=None)  # each formats in a process
@given(st.lists(words, min_size=1, max_size=3), st.booleans())
def test_docstrings_keep_their_words_and_fit(
    paragraphs: list[list[str]], ends_on_its_own_line: bool
) -> None:
    text = "\n\n    ".join(" ".join(paragraph) for paragraph in paragraphs)
    end = '\n    """' if ends_on_its_own_line else '."""'
    adapted = adapt(f'def f() -> None:\n    """Say {text}{end}\n')
    docstring = adapted.split('"""')[1]
    assert docstring.rstrip(".").split() == ["Say", *(word for each in paragraphs for word in each)]
    assert max(map(len, adapted.splitlines())) <= 79
    assert len(re.split(r"\n\s*\n", docstring)) == len(paragraphs)


def test_long_code_is_marked_for_sednas_style_check() -> None:
    source = textwrap.dedent(f"""
        TEXT = "{"x" * 80}"
        import os  # noqa: PLC0415
    """)
    assert adapt(source) == f'TEXT = "{"x" * 80}"  # noqa: E501\nimport os\n'
