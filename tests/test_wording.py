"""Phrases that read as translated are in none of the project's texts: docs/glossary.md."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SUFFIXES = {
    *(".cff", ".cpp", ".css", ".Dockerfile", ".h", ".html", ".j2", ".js", ".md", ".py", ".sh"),
    *(".toml", ".yaml", ".yml"),
}
FOLDERS = (
    *("backend", "bench", "demo", "docker", "docs", "examples", "jobs", "manifests", "overlays"),
    *("tests", "upstream", "workers", ".github"),
)
OTHERS_WORDS = {Path("CODE_OF_CONDUCT.md"), Path(__file__).relative_to(ROOT)}
"""Quoted text of others, and this list."""

INSTEAD = {
    r"(?<!there )(?:is|are|was|were) no (?:\w+ )?(?:image|picture|number|file|folder|class|list|"
    r"text|array|request|path|checkpoint|checkout|model|vector|job|terminal|daemon|error|JSON|HTTP|"
    r"tensor|shape|browser|framework|reason|part|defence)s?\b": "is not …, cannot be read as …",
    r"holds? (?:no|none|nothing)": "does not contain …",
    r"anew": "again",
    r"(?:is|are|was|were|be|been|and) passed over": "ignored, skipped",
    r"mend(?:s|ed|ing)?": "fix",
    r"where to go on|what now": "next steps",
    r"the (?:one|model|worker|version) (?:of before|before it)": "previous",
    r"so that nobody": "so that no one …, to prevent …",
    r"what (?:it is|they are) like": "results",
    r"without a word": "silently",
    r"make room": "free disk space",
    r"begin(?:s|ning)? again|start(?:s|ing)? from nothing again": "start over",
    r"(?:goes|go|went) on (?:where|from|by itself|as|when|after)": "continue, resume",
    r"where (?:it|they) stood": "resume",
    r"whole or not (?:at all|there)": "atomically",
    r"(?:lies?|lay|stands?|stood) (?:beside|there|at the gate)": "is in, is next to",
    r"beside": "next to, in addition to",
    r"for ever": "forever",
    r"by turns": "in turn, alternately",
    r"knows? nothing of": "does not depend on",
    r"(?:is|are) held to": "compared with, must meet",
    r"not ready at once": "immediately reports not ready",
    r"tells what \w+ must be": "lists the prerequisites",
    r"to be told so": "reports",
    r"what (?:became|becomes) of": "the outcome of",
    r"but for (?:the|its|their|an?|these|those|one|all)": "except",
    r"again and again": "repeatedly",
    r"(?:is|are) not taken": "is not supported, not accepted",
    r"no whole": "no complete",
    r"where (?:it|a \w+|the \w+) stands": "the current state",
    r"is known again": "is recognised",
    r"of few \w+": "with few …",
    r"knows? of": "knows about, has",
    r"nobody|everybody|somebody": "no one, everyone, someone; better: name who or what",
}
PATTERNS = {
    re.compile(rf"\b(?:{phrase})\b", re.IGNORECASE): word for phrase, word in INSTEAD.items()
}


def findings(text: str) -> Iterator[str]:
    """Yield each phrase with what to write instead."""
    joined = re.sub(r"\s+(?:#+ |// ?|\* )?", " ", text)
    for pattern, word in PATTERNS.items():
        for match in pattern.finditer(joined):
            around = joined[max(match.start() - 30, 0) : match.end() + 20]
            yield f"… {around} …: write {word}"


def texts() -> Iterator[Path]:
    """Yield the files that people read."""
    files = [*ROOT.iterdir(), *(file for name in FOLDERS for file in (ROOT / name).rglob("*"))]
    for file in sorted(files):
        is_text = file.suffix in SUFFIXES or file.name == "Makefile"
        if is_text and file.is_file() and file.relative_to(ROOT) not in OTHERS_WORDS:
            yield file


def test_there_are_texts() -> None:
    assert len(list(texts())) > 300


@pytest.mark.parametrize("file", list(texts()), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_text_reads_as_english(file: Path) -> None:
    assert list(findings(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "photo.jpg is no image",
        "A job starts anew.",
        "a bad line\nis passed over",
        "# the model of\n# before back",
        "The class holds no blank.",
    ],
)
def test_it_would_be_found(sentence: str) -> None:
    assert len(list(findings(sentence))) == 1


@pytest.mark.parametrize("sentence", ["There is no image here.", "Passes over the data."])
def test_it_is_english(sentence: str) -> None:
    assert list(findings(sentence)) == []
