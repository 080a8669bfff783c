import io
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from backend.classifier import MindSporeClassifier
from backend.errors import PermanentError, SettingsError
from demo.pictures import CLASS_NAMES, Light
from demo.scenario import Scenario
from demo.usecase.plots import draw_accuracy, draw_examples, draw_hard_examples
from demo.usecase.record import Record
from demo.usecase.runs import read_records, run_photographs, run_story
from demo.usecase.tables import blocks

SMALL = Scenario(
    # Of this seed the model that hardly learned is unsure enough to find hard examples.
    seed=3,
    rounds=1,
    initial_training=32,
    initial_epochs=1,
    dataset=60,
    held_out=10,
    labels_per_round=80,
)
SILENT = Console(file=io.StringIO())


def test_an_edit_that_finds_nothing_to_replace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"job\.yaml: there is no 'replay: 5' to replace"):
        run_story(tmp_path, SMALL, {"replay: 5": "replay: 6"}, SILENT)


def test_without_runs_the_report_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="run `make report`"):
        read_records(tmp_path)


def test_a_folder_without_weights_is_refused_before_anything_runs(tmp_path: Path) -> None:
    photographs = _photographs(tmp_path / "photographs")
    with pytest.raises(SettingsError, match=r"weights \(\*\.npz\) and photos/train"):
        run_photographs(tmp_path / "run", photographs, "head", 1)


@pytest.mark.e2e
def test_a_round_that_fails_is_reported_with_its_reason(tmp_path: Path) -> None:
    photographs = _photographs(tmp_path / "photographs")
    MindSporeClassifier(CLASS_NAMES).save(photographs / "weights.npz")
    with pytest.raises(
        PermanentError, match=r"the round on photographs failed: train.* see .*\.log"
    ):
        run_photographs(tmp_path / "run", photographs, "head", 1)


@pytest.mark.e2e
def test_a_run_becomes_tables_and_pictures(tmp_path: Path) -> None:
    run_story(tmp_path / "run", SMALL, {'replay, value: "120"': 'replay, value: "7"'}, SILENT)
    record = Record.of(tmp_path / "run", SMALL)

    assert {record.accuracy("initial model", light).samples for light in Light} == {10}
    assert record.status.rounds[0].train_samples == 112
    assert sum(map(len, record.found_by.values())) == 80
    makers = blocks([record], [record])
    assert all(make() for make in makers.values())
    draw_examples(tmp_path / "examples.jpg")
    draw_hard_examples(record, tmp_path / "hard-examples.jpg")
    draw_accuracy([record], tmp_path / "accuracy.png")
    for name in ("examples.jpg", "hard-examples.jpg", "accuracy.png"):
        with Image.open(tmp_path / name) as picture:
            corner = picture.convert("RGB").getpixel((0, 0))
            assert isinstance(corner, tuple)
            assert min(corner) > 250
            assert min(picture.size) > 250


def _photographs(folder: Path) -> Path:
    for part in ("train", "eval"):
        for name in CLASS_NAMES:
            (folder / "photos" / part / name).mkdir(parents=True)
            (folder / "photos" / part / name / "1.jpg").write_bytes(b"")
    return folder
