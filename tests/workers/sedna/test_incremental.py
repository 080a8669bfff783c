import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from backend import BackendBase
from backend.errors import SettingsError
from tests.local_controller import FakeLocalController
from tests.workers.conftest import FileServer, S3Store
from workers.contract import WorkerKind, WorkerStatus
from workers.data.round_folder import TRAIN_REPORT_FILE, RoundFolder
from workers.sedna.incremental import IncrementalLearning
from workers.storage import Mirror

DARK_IS_DARK = [0.95, 0.05]


class Guess(NamedTuple):
    label: str
    probabilities: Sequence[float]


class Thermometer:
    """An estimator that learns the threshold between cold (0) and warm (1)."""

    device = "CPU"  # it computes without a framework

    def __init__(self) -> None:
        self.threshold = 0.0

    def train(
        self, train_data: Mapping[float, int], valid_data: object = None, *, step: float = 1.0
    ) -> dict[str, float]:
        assert valid_data is None
        warm = [value for value, label in train_data.items() if label]
        self.threshold += step * (min(warm) - self.threshold)
        return {"loss": abs(min(warm) - self.threshold)}

    def evaluate(self, data: Mapping[float, int]) -> dict[str, object]:
        hits = [(value >= self.threshold) == bool(label) for value, label in data.items()]
        return {"accuracy": np.mean(hits), "recall": np.ones(2)}

    def predict(self, data: Sequence[float]) -> list[Guess]:
        return [self._guess(value) for value in data]

    def save(self, path: str) -> None:
        Path(path).write_text(json.dumps(self.threshold))

    def load(self, path: str) -> None:
        self.threshold = json.loads(Path(path).read_text())

    def _guess(self, value: float) -> Guess:
        warm = 1 / (1 + np.exp(self.threshold - value))
        return Guess("warm" if warm >= 0.5 else "cold", [1 - warm, warm])


@pytest.fixture
def environment(tmp_path: Path, local_controller: FakeLocalController) -> dict[str, str]:
    for name, threshold in {"base": 4.0, "candidate": 20.0, "deployed": 30.0}.items():
        (tmp_path / f"{name}.onnx").write_text(json.dumps(threshold))
    return {
        "JOB_NAME": "weather",
        "WORKER_NAME": "worker-abcde",
        "LC_SERVER": local_controller.url,
        "DATA_PATH_PREFIX": str(tmp_path),
        "BASE_MODEL_URL": str(tmp_path / "base.onnx"),
        "TRAIN_DATASET_URL": str(tmp_path / "data.txt"),
        "TEST_DATASET_URL": str(tmp_path / "data.txt"),
    }


def learning(environment: Mapping[str, str], **variables: object) -> IncrementalLearning:
    texts = {name: str(value) for name, value in variables.items()}
    return IncrementalLearning(Thermometer(), environment={**environment, **texts})


def test_training_starts_from_the_base_and_reports_every_format(
    tmp_path: Path, environment: dict[str, str], local_controller: FakeLocalController
) -> None:
    incremental = learning(
        environment,
        BASE_MODEL_URL=tmp_path / "base.onnx",
        MODEL_URL=tmp_path / "train" / "1",
    )
    backend = incremental.train({10.0: 0, 20.0: 1}, step=0.5)
    assert backend is incremental.estimator
    message = local_controller.next_message()
    assert (message.kind, message.status) == (WorkerKind.TRAIN, WorkerStatus.COMPLETED)
    assert [(result.format, result.url) for result in message.results] == [
        ("ckpt", "/train/1/model.ckpt"),
        ("onnx", "/train/1/model.onnx"),
    ]
    assert all(result.metrics == {"loss": [8.0]} for result in message.results)
    saved = [json.loads((tmp_path / result.url[1:]).read_text()) for result in message.results]
    assert saved == [12.0, 12.0]
    assert RoundFolder(tmp_path / "train" / "1", Mirror({})).is_completed


def test_the_base_models_format_is_always_among_those_reported(
    tmp_path: Path, environment: dict[str, str], local_controller: FakeLocalController
) -> None:
    (tmp_path / "base.npz").write_text("1.0")
    learning(
        environment,
        BASE_MODEL_URL=tmp_path / "base.npz",
        MODEL_URL=tmp_path / "out",
        model_formats="onnx",
    ).train({1.0: 1})
    message = local_controller.next_message()
    assert [result.format for result in message.results] == ["onnx", "npz"]


def test_each_format_is_reported_for_each_device(
    tmp_path: Path, environment: dict[str, str], local_controller: FakeLocalController
) -> None:
    learning(
        environment, MODEL_URL=tmp_path / "out", device_soc_versions="Ascend310,Ascend910"
    ).train({1.0: 1})
    results = local_controller.next_message().results
    assert [(result.format, result.device_soc_versions) for result in results] == [
        ("ckpt", ["Ascend310"]),
        ("ckpt", ["Ascend910"]),
        ("onnx", ["Ascend310"]),
        ("onnx", ["Ascend910"]),
    ]


def test_only_a_whole_prefix_is_taken_off_a_url(
    tmp_path: Path, environment: dict[str, str], local_controller: FakeLocalController
) -> None:
    environment["DATA_PATH_PREFIX"] = str(tmp_path / "ou")
    learning(environment, MODEL_URL=tmp_path / "out", model_formats="onnx").train({1.0: 1})
    (result,) = local_controller.next_message().results
    assert result.url == str(tmp_path / "out" / "model.onnx")


def test_models_in_s3_are_trained_on_and_reported_where_they_are(
    environment: dict[str, str], s3: S3Store, local_controller: FakeLocalController
) -> None:
    s3.put("models/base.onnx", "4.0")
    variables = {
        "BASE_MODEL_URL": s3.url("models/base.onnx"),
        "MODEL_URL": s3.url("out/train/1"),
    }
    learning(environment | s3.environment | variables).train({20.0: 1}, step=0.5)
    results = local_controller.next_message().results
    assert [(result.format, result.url) for result in results] == [
        ("ckpt", s3.url("out/train/1/model.ckpt")),
        ("onnx", s3.url("out/train/1/model.onnx")),
    ]
    assert s3.get("out/train/1/model.ckpt") == s3.get("out/train/1/model.onnx") == b"12.0"
    assert b"delivered" in s3.get(f"out/train/1/{TRAIN_REPORT_FILE}")


def test_remote_models_are_evaluated_and_reported_under_their_urls(
    environment: dict[str, str],
    s3: S3Store,
    file_server: FileServer,
    local_controller: FakeLocalController,
) -> None:
    s3.put("candidate.onnx", "20.0")
    file_server.files["/deployed.onnx"] = (200, b"30.0")
    urls = f"{s3.url('candidate.onnx')};{file_server.url}/deployed.onnx"
    results = learning(environment | s3.environment, MODEL_URLS=urls).evaluate({10.0: 0, 25.0: 1})
    assert [result.url for result in results] == urls.split(";")
    assert [result.metrics["accuracy"] for result in results] == [[1.0], [0.5]]


@pytest.mark.parametrize(
    "odd", [{"loss": np.nan}, {"loss": np.inf}, {}, {"loss": [1.0, 2.0]}, {"loss": 0.5, "auc": 1}]
)
def test_models_are_compared_by_the_metrics_that_all_have(
    tmp_path: Path, environment: dict[str, str], odd: dict[str, object]
) -> None:
    urls = f"{tmp_path}/candidate.onnx;{tmp_path}/deployed.onnx"
    metrics = iter([{"accuracy": 0.9, "loss": [[0.1, 0.2], [0.3, 0.4]]}, {"accuracy": 0.8} | odd])
    results = learning(environment, MODEL_URLS=urls).evaluate(
        {25.0: 1}, post_process=lambda _metrics: next(metrics)
    )
    assert [result.metrics for result in results] == [{"accuracy": [0.9]}, {"accuracy": [0.8]}]


def test_training_into_a_full_folder_replaces_its_models(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "model.ckpt").write_text("an older and longer model")
    learning(environment, MODEL_URL=tmp_path / "out").train({1.0: 1})
    assert json.loads((tmp_path / "out" / "model.ckpt").read_text()) == 1.0


def test_post_process_has_the_last_word_on_training(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    def threshold(backend: BackendBase) -> float:
        return float(backend.estimator.threshold)

    incremental = learning(environment, MODEL_URL=tmp_path / "out")
    assert incremental.train({7.0: 1}, post_process=threshold) == 7.0


def test_each_model_is_evaluated_itself_in_the_given_order(
    tmp_path: Path, environment: dict[str, str], local_controller: FakeLocalController
) -> None:
    urls = f"{tmp_path}/candidate.onnx;{tmp_path}/deployed.onnx"
    data = {10.0: 0, 25.0: 1}
    results = learning(environment, MODEL_URLS=urls).evaluate(data)
    message = local_controller.next_message()
    assert message.kind is WorkerKind.EVAL
    assert message.results == results
    assert [(result.format, result.url, result.metrics) for result in results] == [
        ("onnx", "/candidate.onnx", {"accuracy": [1.0], "recall": [1.0, 1.0]}),
        ("onnx", "/deployed.onnx", {"accuracy": [0.5], "recall": [1.0, 1.0]}),
    ]


def test_post_process_makes_the_metrics(
    tmp_path: Path, environment: dict[str, str], local_controller: FakeLocalController
) -> None:
    learning(environment, MODEL_URLS=tmp_path / "candidate.onnx").evaluate(
        {25.0: 1}, post_process=lambda metrics: {"error": 1 - metrics["accuracy"]}
    )
    assert local_controller.next_message().results[0].metrics == {"error": [0.0]}


def test_inference_loads_the_model_and_judges_the_image(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    incremental = learning(
        environment,
        MODEL_URL=tmp_path / "candidate.onnx",
        HEM_NAME="Threshold",
        HEM_PARAMETERS='[{"key": "threshold", "value": "0.8"}]',
    )
    assert incremental.inference([25.0])[2] is False
    assert incremental.inference([20.5])[2] is True
    assert incremental.inference([25.0, 20.5])[2] is True
    assert incremental.inference([])[2] is False


def test_inference_returns_the_result_and_what_post_process_makes_of_it(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    incremental = learning(environment, MODEL_URL=tmp_path / "candidate.onnx", HEM_NAME="CloudOnly")
    result, processed, is_hard = incremental.inference(
        [25.0], post_process=lambda guesses: guesses[0].probabilities
    )
    assert result[0].label == "warm"
    assert processed == result[0].probabilities
    assert is_hard


def test_without_a_miner_nothing_is_hard(tmp_path: Path, environment: dict[str, str]) -> None:
    incremental = learning(environment, MODEL_URL=tmp_path / "candidate.onnx")
    assert incremental.inference([20.0])[2] is False
    assert incremental.is_hard_example([0.5, 0.5]) is False


def test_the_miner_of_the_call_goes_before_the_environments(environment: dict[str, str]) -> None:
    edge_only = environment | {"HEM_NAME": "EdgeOnly"}
    mining = {"method": "Threshold", "param": {"threshold": 0.99}}
    incremental = IncrementalLearning(Thermometer, mining, environment=edge_only)
    assert incremental.is_hard_example(DARK_IS_DARK)


@pytest.mark.parametrize(
    ("call", "variable"),
    [("train", "MODEL_URL"), ("evaluate", "MODEL_URLS"), ("inference", "MODEL_URL")],
)
def test_a_missing_url_is_named(environment: dict[str, str], call: str, variable: str) -> None:
    with pytest.raises(SettingsError, match=f"{variable} is not set"):
        getattr(learning(environment), call)([1.0])


def test_an_unknown_miner_is_refused_at_once(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="HEM_NAME='IBTx'"):
        learning(environment, HEM_NAME="IBTx")


def test_the_environment_is_read_when_one_is_made(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MODEL_URL", str(tmp_path / "candidate.onnx"))
    assert IncrementalLearning(Thermometer()).inference([25.0])[0][0].label == "warm"
