import json
from datetime import UTC, datetime
from typing import Any

import pytest

from jobs.resources.schema import Model
from jobs.standalone.conditions import StageInput, StageModel, output_data, pick
from jobs.standalone.server import WorkerReport
from jobs.standalone.stages import models_in
from jobs.standalone.supervisor import StageFailedError
from jobs.status import WorkerState


def wanted(**spec: Any) -> Model:
    return Model.model_validate(
        {
            "apiVersion": "sedna.io/v1alpha1",
            "kind": "Model",
            "metadata": {"name": "deploy"},
            "spec": {"url": "/m/deploy", "format": "onnx", **spec},
        }
    )


def reported(format_: str, *devices: str) -> StageModel:
    return StageModel(format=format_, url=f"/{devices}", device_soc_versions=list(devices))


def test_the_first_model_of_the_format_is_picked() -> None:
    first, second = reported("onnx", "a"), reported("onnx", "b")
    assert pick([reported("ckpt"), first, second], wanted()) is first


@pytest.mark.parametrize(
    ("devices", "picked"),
    [(["310"], True), (["910"], False), (["910", "310P"], True), ([], True)],
)
def test_a_model_of_exactly_one_device_must_be_of_a_wanted_one(
    devices: list[str], picked: bool
) -> None:
    models = [reported("onnx", *devices)]
    model = pick(models, wanted(device_soc_versions=["310", "310B"]))
    assert (model is not None) is picked


def test_of_no_model_none_is_picked() -> None:
    assert pick([], wanted()) is None


def test_input_data_is_sednas_json() -> None:
    model = StageModel(format="ckpt", url="/m/initial.ckpt")
    data = StageInput(models=[model], data_url="/out/data.txt", output_dir="/out/train/1").to_data()
    assert json.loads(data) == {
        "input": {
            "models": [{"format": "ckpt", "url": "/m/initial.ckpt", "classes": None}],
            "dataURL": "/out/data.txt",
            "outputDir": "/out/train/1",
        }
    }


def test_output_data_drops_unknown_keys() -> None:
    result = {"format": "ckpt", "url": "/x", "metrics": {"accuracy": 0.9}, "extra": 1}
    data = json.loads(output_data([StageModel.model_validate(result)]))
    assert data == {
        "output": {
            "models": [
                {"format": "ckpt", "url": "/x", "metrics": {"accuracy": 0.9}, "classes": None}
            ]
        }
    }


def test_output_data_without_models_is_empty() -> None:
    assert json.loads(output_data([])) == {"output": {}}


def test_a_result_whose_url_no_file_can_have_fails_the_stage() -> None:
    worker = WorkerState(name="train-worker-abcde", kind="train", started=datetime.now(UTC))
    report = WorkerReport(name=worker.name, status="completed", results=[{"url": "/a\0b"}])
    with pytest.raises(StageFailedError, match="reported a result whose url is wrong"):
        models_in(report, worker)
