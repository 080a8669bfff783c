from pathlib import Path

import pytest

from tests.workers.prepare.test_folders import environment
from workers.__main__ import main


def test_the_step_is_the_workers_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    assert main(["prepare", "folders"]) == 0
    assert (tmp_path / "inbox").is_dir()


def test_what_is_wrong_is_an_exit_status_of_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("dataset_url", "DATASET_URL"):
        monkeypatch.delenv(name, raising=False)
    assert main(["prepare", "folders"]) == 2
    assert "prepare folders worker: dataset_url is not set" in capsys.readouterr().err


def test_an_unknown_step_is_refused() -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["prepare", "everything"])
    assert exit_.value.code == 2
