"""A class comes, is learned, and goes again, in one job."""

from pathlib import Path

import pytest

from backend.classifier import TinyMSClassifier
from backend.models import model_file
from demo.dataset import append_samples
from jobs.resources.loader import load_job
from jobs.standalone.runner import StandaloneRunner
from jobs.status import Outcome
from tests.coloured_pictures import draw_colours
from tests.e2e.conftest import Manifests, run

pytestmark = pytest.mark.e2e

LIGHTS = {"green": (20, 200, 60), "amber": (250, 170, 20), "red": (220, 30, 30)}
BLUE = {"blue": (30, 60, 230)}


def test_from_three_classes_to_four_and_back(tmp_path: Path) -> None:
    node = tmp_path / "node" / "lights"
    estimator = TinyMSClassifier(tuple(LIGHTS), 32)
    for target in (node / "first" / "net.ckpt", node / "served" / "net.onnx"):
        target.parent.mkdir(parents=True)
        estimator.save(target)
    index = node / "samples" / "list.txt"

    def round_(number: int, *names: str) -> tuple[list[float], tuple[str, ...]]:
        """Run one more round of a job with these classes; return its confusion matrix and card."""
        pictures = draw_colours(tmp_path / f"{number}", LIGHTS | BLUE, 48, prefix=f"{number} ")
        append_samples(index, [each for each in pictures if each[1] in names])
        manifests = Manifests(
            name="lights",
            class_names=names,
            train_prob=0.7,
            num_of_samples=20,
            deploy_condition={"metric": "accuracy[0]", "operator": "ge", "threshold": 0},
            worker={"input_shape": "32,32"},
            training={"epochs": "5", "fine_tune": "head", "learning_rate": "0.01"},
        ).write(tmp_path / "manifests")
        run("jobs", "run", manifests, "--root", tmp_path, "--rounds", number, "--timeout", 200)
        ended = StandaloneRunner(load_job([manifests]), tmp_path).status().rounds[-1]
        assert ended.outcome is Outcome.DEPLOYED, ended.reason
        card = model_file.read(node / "served" / "net.onnx").card
        assert card is not None
        return ended.deployed_metrics["confusion_matrix"], card.class_names

    round_(1, *LIGHTS)
    before, classes = round_(2, *LIGHTS, *BLUE)
    # The model of three classes was held against the new one: it has taken nothing for blue.
    assert len(before) == 16
    assert before[3::4] == [0.0] * 4
    assert sum(before[12:]) > 0
    assert classes == (*LIGHTS, *BLUE)

    # Its index still has blue samples: they are left out, and fail no round.
    _, classes = round_(3, *LIGHTS)
    assert classes == tuple(LIGHTS)
