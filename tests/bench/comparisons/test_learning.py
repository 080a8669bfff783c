"""A job of a few small pictures, by the product's own workers."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.classifier import TinyMSClassifier
from bench.subjects.learning import (
    DROP,
    NEWEST,
    OURS,
    WORST_RECALL,
    WRONG,
    Course,
    job,
    uneven_round,
)

pytestmark = pytest.mark.timeout(120)

KINDS = ("bright", "dark")
CLASSES = ("red", "blue")


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("course")
    generator = np.random.default_rng(0)
    for kind, level in zip(KINDS, (200, 60), strict=True):
        for part, amount in (("train", 16), ("eval", 4)):
            for name in CLASSES:
                (folder / "pictures" / kind / part / name).mkdir(parents=True)
                for number in range(amount):
                    pixels = generator.integers(0, level, (40, 40, 3), np.uint8)
                    pixels[..., CLASSES.index(name)] //= 4
                    file = folder / "pictures" / kind / part / name / f"{number}.png"
                    Image.fromarray(pixels).save(file)
    TinyMSClassifier(sorted(CLASSES), 32).save(folder / "first.ckpt")
    return {
        "folder": str(folder / "pictures"),
        "kinds": KINDS,
        "base_model": str(folder / "first.ckpt"),
        "input_size": 32,
        "settings": {"fine_tune": "head", "epochs": "1"},
    }


def test_a_job_says_what_its_deployed_model_knows(
    course: dict[str, object], tmp_path: Path
) -> None:
    values = job(course, OURS, 0, str(tmp_path / "job"))
    newest = {kind + NEWEST for kind in KINDS}
    assert {*KINDS, *newest, DROP, WRONG, "deployments", "labels"} == values.keys()
    assert values["labels"] == 64
    assert 0 <= values["bright"] <= 100
    trained = sorted(each.name for each in (tmp_path / "job" / "train").iterdir())
    assert trained == ["1", "2", "3"]
    assert (tmp_path / "job" / "deploy" / "model.onnx").exists()


def test_an_uneven_round_has_few_pictures_of_a_class(
    course: dict[str, object], tmp_path: Path
) -> None:
    values = uneven_round(course, {"balance": "false"}, 0, str(tmp_path / "job"))
    lines = (tmp_path / "job" / "index.txt").read_text("utf-8").splitlines()[32:]
    assert [sum(line.endswith(name) for line in lines) for name in sorted(CLASSES)] == [16, 2]
    assert 0 <= values[WORST_RECALL] <= 100


def test_pictures_of_a_round_depend_on_the_seed_alone(course: dict[str, object]) -> None:
    known = Course(**course)  # type: ignore[arg-type]
    assert list(known.rounds(3)) == list(known.rounds(3)) != list(known.rounds(4))
    assert [len(new) for _, new in known.rounds(3)] == [32, 16, 16]
