import pytest

from backend.errors import SettingsError
from docs.tools.fields import fields
from docs.tools.meanings import MEANINGS
from docs.tools.reference import FOLDER, PAGES
from docs.tools.settings import PROGRAMS
from jobs.resources import schema
from workers.settings import EvalSettings, TrainSettings


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_the_code_says(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")

    assert written == PAGES[name](), f"docs/reference/{name} is old: run `make reference`"


def test_every_required_variable_of_a_worker_is_marked() -> None:
    for program in PROGRAMS:
        with pytest.raises(SettingsError) as missing:
            program.settings.from_environment({})
        required = {each.name for each in program.fields if each.is_required}

        assert required
        assert all(f"{name} is not set" in str(missing.value) for name in required)


def test_every_field_of_a_manifest_has_a_meaning() -> None:
    rows = [line for line in PAGES["manifests.md"]().splitlines() if line.startswith("| `")]

    assert len(rows) > 60
    assert [row for row in rows if row.endswith("|  |")] == []


def test_no_meaning_is_left_of_a_field_that_is_gone() -> None:
    parts = {name.split(".")[0] for name in MEANINGS if "." in name}
    known = {f"{part}.{each.name}" for part in parts for each in fields(getattr(schema, part))}

    assert {name for name in MEANINGS if "." in name} <= known


def test_what_a_worker_does_not_heed_is_left_out() -> None:
    shown = {each.settings: {field.name for field in each.fields} for each in PROGRAMS}

    assert {"TRAIN_DATASET_URL", "model_formats", "epochs"} <= shown[TrainSettings]
    assert "MODEL_URLS" not in shown[TrainSettings]
    assert "model_formats" not in shown[EvalSettings]
