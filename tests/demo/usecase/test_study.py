"""A study in small, through the real runner: too small to learn much, whole in every part."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from demo.scenario import Scenario
from demo.usecase.page import write_page
from demo.usecase.story import Arm
from demo.usecase.study import run_study

pytestmark = pytest.mark.e2e

SMALL = Scenario(
    rounds=1, initial_training=32, initial_epochs=1, dataset=60, held_out=10, labels_per_round=80
)


def test_a_study_of_one_run_becomes_a_page(tmp_path: Path) -> None:
    results = run_study(
        tmp_path / "work",
        shown=tmp_path / "docs" / "use-case" / "hard-examples",
        scenario=SMALL,
        arms=[Arm("TINYMS", seed=3, replay=7)],
        photographs=None,
        console=Console(file=io.StringIO()),
    )

    (story,) = results.stories
    assert {name: len(truth) for name, truth in story.truth.items()} == {
        "day": 10,
        "night": 10,
        "round 1": 28,
    }
    assert story.rounds[0].new == {"day": 48, "night": 64}
    assert [model.name for model in story.models] == ["initial model", "round 1"]
    assert story.models[0].digest != story.models[1].digest
    assert [(cost.what, cost.round) for cost in story.costs] == [
        ("initial model", 0),
        ("infer", 0),
        ("train", 1),
        ("eval", 1),
    ]
    assert min(cost.peak_megabytes for cost in story.costs) > 50
    assert sum(mined.labelled for mined in story.mined) == 80
    assert "TinyMS, seed 3" in write_page(results, tmp_path / "docs").read_text(encoding="utf-8")
