"""The demo's story, in small: too small to learn much, whole in every part."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from demo.manifests import MANIFESTS
from demo.scenario import Scenario
from demo.story import run_demo

pytestmark = pytest.mark.e2e

SMALL = Scenario(
    rounds=1,
    initial_training=96,
    initial_epochs=4,
    dataset=60,
    held_out=10,
    labels_per_round=80,
)


def test_night_pictures_become_samples_and_a_round_is_measured(tmp_path: Path) -> None:
    told = io.StringIO()
    run_demo(MANIFESTS, tmp_path / "run", SMALL, Console(file=told, width=120))
    node = tmp_path / "run" / "data" / "dog-croissants"
    assert "initial model" in told.getvalue()
    assert "after round 1" in told.getvalue()
    assert len((node / "dataset" / "index.txt").read_text().splitlines()) == 60 + 80
    assert (node / "output" / "iljob" / "report.html").stat().st_size > 10_000


def test_a_folder_that_is_not_the_demos_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "thesis.txt"
    precious.write_text("mine")
    with pytest.raises(Exception, match="--root"):
        run_demo(MANIFESTS, tmp_path, SMALL, Console(file=io.StringIO()))
    assert precious.read_text() == "mine"
