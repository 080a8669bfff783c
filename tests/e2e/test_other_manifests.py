"""The manifests alone decide: other classes, thresholds, paths and sizes need no code."""

from pathlib import Path

import pytest

from backend.classifier import TinyMSClassifier
from demo.dataset import append_samples
from jobs.resources.loader import load_job
from jobs.standalone.runner import StandaloneRunner
from jobs.status import Outcome
from tests.coloured_pictures import draw_colours
from tests.e2e.conftest import Manifests, run

pytestmark = pytest.mark.e2e

TRAFFIC_LIGHT = {"green": (20, 200, 60), "amber": (250, 170, 20), "red": (220, 30, 30)}


def test_three_classes_of_another_name_size_and_backend(tmp_path: Path) -> None:
    node = tmp_path / "node" / "traffic"
    estimator = TinyMSClassifier(tuple(TRAFFIC_LIGHT), 64)
    for target in (node / "first" / "net.ckpt", node / "served" / "net.onnx"):
        target.parent.mkdir(parents=True)
        estimator.save(target)
    lights = draw_colours(tmp_path / "lights", TRAFFIC_LIGHT, 90, prefix="light ")
    append_samples(node / "samples" / "list.txt", lights)
    manifests = Manifests(
        name="traffic",
        class_names=tuple(TRAFFIC_LIGHT),
        train_prob=0.7,
        num_of_samples=60,
        deploy_condition={"metric": "recall_delta[2]", "operator": "gt", "threshold": -1},
        worker={"input_shape": "64,64", "BACKEND_TYPE": "MINDSPORE"},
        training={"epochs": "2", "batch_size": "8", "fine_tune": "3", "optimizer": "momentum"},
    ).write(tmp_path / "manifests")

    run("jobs", "run", manifests, "--root", tmp_path, "--rounds", 1, "--timeout", 200)

    status = StandaloneRunner(load_job([manifests]), tmp_path).status()
    (ended,) = status.rounds
    assert status.class_names == list(TRAFFIC_LIGHT)
    assert (ended.train_samples, ended.eval_samples) == (62, 28)
    assert ended.outcome is Outcome.DEPLOYED
    assert "recall_delta[2]" in ended.reason
    assert len(ended.candidate_metrics["confusion_matrix"]) == 9
    deployed, trained = node / "served" / "net.onnx", node / "out" / "train" / "1" / "model.onnx"
    assert deployed.read_bytes() == trained.read_bytes()
