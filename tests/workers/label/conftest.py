"""A folder of hard examples, as the inference worker fills it, and an empty dataset."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.workers.infer.conftest import noise
from workers.data.answers import HardExample
from workers.infer.hard_examples import HardExampleStore
from workers.label.dataset import LabelledFolder
from workers.label.examples import ExampleFolder
from workers.label.labelling import Labelling

CLASSES = ("croissant", "dog")
START = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hard").mkdir()
    return tmp_path / "hard"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    (tmp_path / "dataset").mkdir()
    return tmp_path / "dataset" / "index.txt"


@pytest.fixture
def fill(folder: Path) -> Callable[[int], list[str]]:
    """Keep so many hard examples; return their names, the most uncertain first."""

    def keep(count: int) -> list[str]:
        store = HardExampleStore(folder, quota=10**8)
        names = []
        for number in range(count):
            certainty = 0.5 + number / 1000
            example = HardExample(
                image="",
                time=START + timedelta(seconds=number),
                label="dog",
                probabilities={"croissant": 1 - certainty, "dog": certainty},
                miner="CrossEntropy",
                hard=True,
                model_version="0123456789ab",
            )
            path = store.save(f"night-{number:03}.png", noise(number), example)
            assert path
            names.append(path.name)
        return names

    return keep


@pytest.fixture
def start(folder: Path, index: Path) -> Callable[[], Labelling]:
    """Start labelling again, as a restarted worker does."""

    def labelling() -> Labelling:
        return Labelling(ExampleFolder(folder), LabelledFolder(index), CLASSES, batch=3)

    return labelling
