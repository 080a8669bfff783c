"""A job whose deployed model is in int8, from the first float file to the hot update."""

from pathlib import Path

import pytest

from backend.classifier import TinyMSClassifier
from backend.models import model_file
from demo.dataset import append_samples
from jobs.resources.loader import load_job
from jobs.standalone.runner import StandaloneRunner
from jobs.status import Outcome
from tests.coloured_pictures import SHADES, draw_colours
from tests.e2e.conftest import Manifests, run

pytestmark = pytest.mark.e2e


def test_a_round_deploys_its_int8_model_over_the_float_one(tmp_path: Path) -> None:
    node = tmp_path / "node" / "shades"
    estimator = TinyMSClassifier(tuple(SHADES), 32)
    for target in (node / "first" / "net.ckpt", node / "served" / "net.int8.onnx"):
        target.parent.mkdir(parents=True)
        estimator.save(target)
    append_samples(node / "samples" / "list.txt", draw_colours(tmp_path / "pictures", SHADES, 60))
    manifests = Manifests(
        name="shades",
        class_names=tuple(SHADES),
        train_prob=0.7,
        num_of_samples=40,
        deploy_condition={"metric": "accuracy_delta[0]", "operator": ">=", "threshold": -1},
        worker={"input_shape": "32,32"},
        training={"epochs": "20", "fine_tune": "head", "model_formats": "ckpt,int8"},
    ).write(tmp_path / "manifests")
    models = manifests / "models.yaml"
    text = models.read_text().replace("net.onnx", "net.int8.onnx")
    models.write_text(text.replace("format: onnx", "format: int8"))

    run("jobs", "run", manifests, "--root", tmp_path, "--rounds", 1, "--timeout", 200)

    status = StandaloneRunner(load_job([manifests]), tmp_path).status()
    (ended,) = status.rounds
    assert ended.outcome is Outcome.DEPLOYED
    assert ended.candidate_metrics["accuracy"] == [1.0]
    folder = node / "out" / "train" / "1"
    assert sorted(each.name for each in folder.glob("model.*")) == ["model.ckpt", "model.int8.onnx"]
    trained = model_file.read(folder / "model.int8.onnx")
    assert b"QuantizeLinear" in trained.payload
    assert model_file.read(node / "served" / "net.int8.onnx").payload == trained.payload
