import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from backend import BackendBase
from backend.errors import SettingsError
from tests.workers.conftest import FakeLocalController
from workers.contract import WorkerKind, WorkerStatus
from workers.incremental import IncrementalLearning
from workers.lc import REPORTED_FILE
from workers.settings import WorkerSettings

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
    }


def learning(environment: Mapping[str, str], **variables: object) -> IncrementalLearning:
    texts = {name: str(value) for name, value in variables.items()}
    settings = WorkerSettings.from_environment({**environment, **texts})
    return IncrementalLearning(Thermometer(), settings=settings)


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
    assert (tmp_path / "train" / "1" / REPORTED_FILE).exists()


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
    settings = WorkerSettings.from_environment(environment | {"HEM_NAME": "EdgeOnly"})
    mining = {"method": "Threshold", "param": {"threshold": 0.99}}
    incremental = IncrementalLearning(Thermometer, mining, settings=settings)
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
