from pathlib import Path

import pytest

from backend.classifier import TinyMSClassifier
from backend.errors import ModelFileError
from backend.models import model_file
from tests.local_controller import FakeLocalController
from workers.contract import WorkerKind
from workers.sedna.session import Session
from workers.train import training


def train(environment: dict[str, str]) -> None:
    training.train(Session(WorkerKind.TRAIN, environment))


def serve(path: Path) -> TinyMSClassifier:
    estimator = TinyMSClassifier(("cat", "dog"), 32)
    estimator.load(path)
    return estimator


def test_a_round_reports_the_int8_model_and_what_it_costs(
    worker_environment: dict[str, str], tmp_path: Path, local_controller: FakeLocalController
) -> None:
    formats = {"model_formats": "ckpt,onnx,int8", "fine_tune": "head"}
    train(worker_environment | formats)
    results = {result.format: result for result in local_controller.next_message().results}
    assert list(results) == ["ckpt", "onnx", "int8"]
    assert results["int8"].url.endswith("/out/1/model.int8.onnx")
    (fallback,) = results["int8"].metrics["int8_fallback"]
    (delta,) = results["int8"].metrics["int8_accuracy_delta"]
    assert fallback == float(delta < -0.005)
    plain, small = (
        model_file.read(tmp_path / "out" / "1" / name) for name in ("model.onnx", "model.int8.onnx")
    )
    assert small.card == plain.card
    assert (small.payload == plain.payload) == bool(fallback)
    assert serve(tmp_path / "out" / "1" / "model.int8.onnx").predict([]) == []


def test_a_round_that_is_not_asked_for_int8_says_nothing_of_it(
    worker_environment: dict[str, str], local_controller: FakeLocalController
) -> None:
    train(worker_environment | {"fine_tune": "head"})
    results = local_controller.next_message().results
    assert [result.format for result in results] == ["ckpt", "onnx"]
    assert not {name for name in results[0].metrics if name.startswith("int8")}


def test_a_round_cannot_start_from_an_int8_model(
    worker_environment: dict[str, str], tmp_path: Path, local_controller: FakeLocalController
) -> None:
    train(worker_environment | {"model_formats": "onnx,int8", "fine_tune": "head"})
    assert local_controller.next_message()
    int8 = tmp_path / "out" / "1" / "model.int8.onnx"
    with pytest.raises(ModelFileError, match="an int8 model only serves"):
        train(worker_environment | {"BASE_MODEL_URL": str(int8)})
