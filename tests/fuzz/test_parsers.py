"""Every input of the corpus, without atheris: a bug that was found once stays fixed."""

from pathlib import Path

import pytest

from tests.fuzz.parsers import CORPUS, PARSERS

INPUTS = sorted(CORPUS.glob("*/*"))


@pytest.mark.parametrize("file", INPUTS, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_only_documented_errors_come_out(file: Path) -> None:
    PARSERS[file.parent.name](file.read_bytes())


def test_each_parser_has_inputs_to_start_from() -> None:
    assert {file.parent.name for file in INPUTS} == set(PARSERS)
