import re
from pathlib import Path

import pytest

from backend.errors import ProjectError, SettingsError
from docs.tools.markdown import block_names, fill
from docs.tools.reference import BLOCKS, FOLDER, SETTINGS, own_fields
from workers.data.round_folder import EVAL_REPORT_FILE, TRAIN_REPORT_FILE, RoundFolder
from workers.infer.inbox import DONE_FOLDER, REJECTED_FOLDER
from workers.sedna.hot_update import REPORTED_UPDATE_FILE
from workers.sedna.process import EXIT_UNEXPECTED
from workers.storage import Mirror

ROUND = RoundFolder(Path("1"), Mirror({}))
PAGES = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.md")}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_the_code_says(name: str) -> None:
    assert PAGES[name] == fill(PAGES[name], BLOCKS), f"{name} is outdated: run `make reference`"


def test_every_block_is_on_a_page() -> None:
    assert sorted(name for page in PAGES.values() for name in block_names(page)) == sorted(BLOCKS)


@pytest.mark.parametrize("program", sorted(SETTINGS.keys() - {"s3", "downloads"}))
def test_every_required_variable_of_a_worker_is_marked(program: str) -> None:
    with pytest.raises(SettingsError) as missing:
        SETTINGS[program].from_environment({})
    required = {each.name for each in own_fields(program) if each.is_required}

    assert required
    assert all(f"{name} is not set" in str(missing.value) for name in required)


def test_every_field_of_a_manifest_has_a_meaning() -> None:
    rows = [line for line in PAGES["manifests.md"].splitlines() if line.startswith("| `")]

    assert len(rows) > 60
    assert [row for row in rows if row.endswith("|  |")] == []


def test_each_worker_has_its_own_variables() -> None:
    shown = {program: {each.name for each in own_fields(program)} for program in SETTINGS}

    assert {"TRAIN_DATASET_URL", "model_formats", "epochs"} <= shown["train"]
    assert "MODEL_URLS" not in shown["train"]
    assert "JOB_NAME" not in shown["infer"]
    assert "model_formats" not in shown["eval"]


def test_the_page_of_exit_statuses_has_each_of_them() -> None:
    rows = re.findall(r"^\| (\d+) \| (?:`(\w+)`)? \|", PAGES["exit-status.md"], re.M)
    written = {(int(status), name) for status, name in rows if name}

    assert written == {(error.exit_status, error.__name__) for error in _errors(ProjectError)}
    assert str(EXIT_UNEXPECTED) in {status for status, _ in rows}


def _errors(parent: type[ProjectError]) -> list[type[ProjectError]]:
    """Return the errors of `backend.errors` with an exit status of their own."""
    errors = []
    for error in parent.__subclasses__():
        if error.__module__ == ProjectError.__module__:
            errors += [error] if "exit_status" in vars(error) else []
            errors += _errors(error)
    return errors


@pytest.mark.parametrize(
    "name",
    [
        ROUND.held_out.name,
        REPORTED_UPDATE_FILE,
        f"{DONE_FOLDER}/",
        f"{REJECTED_FOLDER}/",
        TRAIN_REPORT_FILE,
        EVAL_REPORT_FILE,
        ROUND.eval_quarantine.name,
        ROUND.train_quarantine.name,
        ROUND.samples.name,
        ROUND.training_state.name,
    ],
)
def test_the_page_of_files_names_each_of_them(name: str) -> None:
    files = re.findall(r"^\| `([^`]+)` \|", PAGES["files.md"], re.M)

    assert any(file.endswith(f"/{name}") or file == name for file in files)
