from pathlib import Path

import pytest

from backend.errors import SettingsError
from demo.usecase.results import Results


def test_what_is_written_is_read(results: Results, tmp_path: Path) -> None:
    results.write(tmp_path / "results.json")
    assert Results.read(tmp_path / "results.json") == results


def test_missing_results_say_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.json: cannot be read .*make report"):
        Results.read(tmp_path / "none.json")


def test_results_of_another_version_are_refused(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"stories": []}')
    with pytest.raises(SettingsError, match=r"no results of this version"):
        Results.read(tmp_path / "results.json")
