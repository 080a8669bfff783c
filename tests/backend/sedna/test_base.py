import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend import BackendBase
from backend.errors import ModelFileError
from backend.mindspore.runtime import Device
from backend.models.weights import Weights


class Estimator:
    """Its model is a word, kept in a text file; it notes what is asked of it."""

    def __init__(self) -> None:
        self.word = "untrained"
        self.calls: list[str] = []

    def train(self, train_data: str, valid_data: str | None = None, *, epochs: int = 1) -> str:
        self.calls.append(f"train from {self.word}, valid={valid_data}, epochs={epochs}")
        self.word = train_data
        return self.word

    def evaluate(self, data: str) -> dict[str, list[float]]:
        self.calls.append(f"evaluate {self.word}")
        return {"accuracy": [float(data == self.word)]}

    def predict(self, data: str) -> str:
        return f"{data} says {self.word}"

    def save(self, model_url: str) -> str:
        Path(model_url).write_text(self.word, encoding="utf-8")
        return model_url

    def load(self, model_url: str) -> None:
        self.calls.append(f"load {Path(model_url).name}")
        self.word = Path(model_url).read_text(encoding="utf-8")

    def get_weights(self) -> Weights:
        return {"word": np.array([[len(self.word)]], np.float32), "id": np.zeros(2, np.float32)}

    def set_weights(self, weights: Weights) -> None:
        self.word = "x" * int(weights["word"][0, 0])


class OpenEstimator:
    def train(self, train_data: str, **kwargs: Any) -> str:
        return f"{train_data} {sorted(kwargs)}"


def model_file(folder: Path, word: str, name: str = "model.ckpt") -> str:
    path = folder / name
    path.write_text(word, encoding="utf-8")
    return str(path)


def test_train_starts_from_the_model_at_model_save_path(tmp_path: Path) -> None:
    estimator = Estimator()
    backend = BackendBase(estimator, model_save_path=model_file(tmp_path, "base"))
    assert backend.train("new", valid_data="held out", epochs=3) == "new"
    assert estimator.calls == [
        "load model.ckpt",
        "train from base, valid=held out, epochs=3",
    ]


def test_train_without_fine_tune_starts_untrained(tmp_path: Path) -> None:
    estimator = Estimator()
    path = model_file(tmp_path, "base")
    BackendBase(estimator, fine_tune=False, model_save_path=path).train("new")
    assert estimator.calls == ["train from untrained, valid=None, epochs=1"]


def test_train_without_a_model_starts_untrained(tmp_path: Path) -> None:
    estimator = Estimator()
    BackendBase(estimator, model_save_path=str(tmp_path / "none.ckpt")).train("new")
    assert estimator.calls == ["train from untrained, valid=None, epochs=1"]


def test_training_on_goes_on_from_the_present_weights(tmp_path: Path) -> None:
    estimator = Estimator()
    backend = BackendBase(estimator, model_save_path=model_file(tmp_path, "base"))
    backend.train("first")
    backend.train("second")
    assert estimator.calls[-1] == "train from first, valid=None, epochs=1"


def test_fine_tuning_prefers_the_estimators_own_load_weights(tmp_path: Path) -> None:
    class Loader(Estimator):
        def load_weights(self, model_url: str) -> None:
            self.word = f"weights of {Path(model_url).name}"

    backend = BackendBase(Loader(), model_save_path=model_file(tmp_path, "base"))
    backend.load_weights()
    assert backend.has_load
    assert backend.estimator.word == "weights of model.ckpt"


def test_keyword_arguments_that_the_estimator_does_not_take_are_left_out(tmp_path: Path) -> None:
    backend = BackendBase(Estimator(), model_save_path=model_file(tmp_path, "base"))
    assert backend.train("new", epochs=2, post_process=print) == "new"
    assert backend.evaluate("new", post_process=print) == {"accuracy": [1.0]}
    assert backend.predict("cat", post_process=print) == "cat says new"


def test_an_estimator_that_takes_everything_gets_everything(tmp_path: Path) -> None:
    backend = BackendBase(OpenEstimator(), fine_tune=False)
    assert backend.train("new", any_name=1) == "new ['any_name', 'valid_data']"


def test_evaluate_reads_each_model_so_that_candidate_and_deployed_differ(tmp_path: Path) -> None:
    candidate = model_file(tmp_path, "dog", "candidate.ckpt")
    deployed = model_file(tmp_path, "cat", "deployed.ckpt")
    backend = BackendBase(Estimator())
    assert backend.evaluate("dog", model_path=candidate) == {"accuracy": [1.0]}
    assert backend.evaluate("dog", model_path=deployed) == {"accuracy": [0.0]}
    model_file(tmp_path, "dog", "deployed.ckpt")
    assert backend.evaluate("dog", model_path=deployed) == {"accuracy": [1.0]}


def test_evaluate_without_a_path_judges_the_present_model(tmp_path: Path) -> None:
    backend = BackendBase(Estimator(), model_save_path=model_file(tmp_path, "dog"))
    assert backend.evaluate("dog") == {"accuracy": [1.0]}
    backend.train("cat")
    assert backend.evaluate("cat") == {"accuracy": [1.0]}


def test_predict_loads_the_model_once(tmp_path: Path) -> None:
    estimator = Estimator()
    backend = BackendBase(estimator, model_save_path=model_file(tmp_path, "dog"))
    assert not backend.has_load
    assert [backend.predict("it"), backend.predict("he")] == ["it says dog", "he says dog"]
    assert backend.has_load
    assert estimator.calls == ["load model.ckpt"]


@pytest.mark.parametrize(
    ("model_url", "model_name", "expected"),
    [
        ("", None, "base/model_finetune_.pkl"),
        ("", "named.ckpt", "base/named.ckpt"),
        ("new/model.onnx", None, "new/model.onnx"),
        ("new/folder", None, "new/folder/model_finetune_.pkl"),
        ("new/folder", "named.ckpt", "new/folder/named.ckpt"),
    ],
)
def test_save_makes_the_folder_and_returns_the_path(
    tmp_path: Path, model_url: str, model_name: str | None, expected: str
) -> None:
    backend = BackendBase(Estimator(), model_save_path=str(tmp_path / "base"))
    url = str(tmp_path / model_url) if model_url else ""
    assert backend.save(url, model_name) == str(tmp_path / expected)
    assert (tmp_path / expected).read_text(encoding="utf-8") == "untrained"


def test_load_takes_a_file_or_a_name_in_a_folder(tmp_path: Path) -> None:
    model_file(tmp_path, "dog", "dog.ckpt")
    model_file(tmp_path, "cat", "cat.ckpt")
    backend = BackendBase(Estimator(), model_save_path=str(tmp_path))
    backend.load(model_name="dog.ckpt")
    assert backend.estimator.word == "dog"
    backend.load(str(tmp_path), "cat.ckpt")
    assert backend.estimator.word == "cat"
    backend.load(str(tmp_path / "dog.ckpt"))
    assert backend.estimator.word == "dog"


def test_load_finds_the_default_name_in_the_folder(tmp_path: Path) -> None:
    model_file(tmp_path, "dog", "deployed.ckpt")
    backend = BackendBase(Estimator(), model_save_path=str(tmp_path), model_name="deployed.ckpt")
    backend.load()
    assert backend.estimator.word == "dog"


def test_the_default_name_tells_fine_tuned_models() -> None:
    assert BackendBase(Estimator()).model_name == "model_finetune_.pkl"
    assert BackendBase(Estimator(), fine_tune=False).model_name == "model.pkl"
    assert BackendBase(Estimator(), model_name="mine.ckpt").model_name == "mine.ckpt"


def test_weights_are_nested_lists_in_the_order_of_their_names() -> None:
    backend = BackendBase(Estimator())
    assert backend.get_weights() == [[0, 0], [[9]]]
    backend.set_weights([[0, 0], [[3]]])
    assert backend.has_load
    assert backend.get_weights() == [[0, 0], [[3]]]


@pytest.mark.parametrize("weights", [[], [[0, 0]], [[0, 0], [[1, 2], [3]]], [[0, 0], "text"]])
def test_weights_of_another_network_are_refused(weights: list[Any]) -> None:
    backend = BackendBase(Estimator())
    with pytest.raises(ModelFileError, match=r"of another network: \d arrays for 2 parameters"):
        backend.set_weights(weights)
    assert not backend.has_load


class Answer(NamedTuple):
    label: str
    probabilities: Any


class Answering:
    def load(self, model_url: str) -> None: ...

    def predict(self, data: list[Any]) -> list[Answer]:
        return [Answer("dog", np.array([0.25, 0.75], np.float32)) for _ in data]


def test_what_comes_from_json_is_answered_in_json(tmp_path: Path) -> None:
    backend = BackendBase(Answering(), model_save_path=model_file(tmp_path, "dog"))
    assert json.loads(json.dumps(backend.predict([[[0]], [[1]]]))) == [["dog", [0.25, 0.75]]] * 2
    assert isinstance(backend.predict(["0.png"])[0], Answer)


def test_an_estimator_sees_a_suffix_that_it_knows_whatever_the_model_is_called(
    tmp_path: Path,
) -> None:
    class Careful(Estimator):
        def save(self, model_url: str) -> str:
            assert Path(model_url).suffix == ".pkl"
            return super().save(model_url)

    path = BackendBase(Careful(), model_save_path=str(tmp_path)).save(model_name="global.model")
    assert [str(each) for each in tmp_path.iterdir()] == [path] == [str(tmp_path / "global.model")]


def test_a_model_without_a_suffix_is_loaded(tmp_path: Path) -> None:
    backend = BackendBase(Estimator())
    backend.load(model_file(tmp_path, "dog", "download"))
    assert backend.estimator.word == "dog"


def test_a_callable_makes_the_estimator_at_once() -> None:
    assert BackendBase(Estimator).estimator.word == "untrained"


@pytest.mark.parametrize(
    ("flags", "device"),
    [({}, Device.CPU), ({"use_cuda": True}, Device.GPU), ({"use_npu": True}, Device.NPU)],
)
def test_the_flags_name_the_device(flags: dict[str, bool], device: Device) -> None:
    assert BackendBase(Estimator(), **flags).device is device


@given(path=st.from_regex(r"\A(/[a-z]{1,5}){1,3}\.(ckpt|onnx)\Z"))
def test_model_info_takes_the_data_path_prefix_off(path: str) -> None:
    metrics = {"accuracy": [0.9]}
    url_format = path.rsplit(".", 1)[1]
    expected = [{"format": url_format, "url": path, "metrics": metrics}]
    backend = BackendBase(Estimator())
    assert backend.model_info(f"/home/data{path}", "/home/data", metrics) == expected
    assert backend.model_info(path, None, metrics) == expected
    assert backend.model_info(path, "/home/data", metrics) == expected


def test_model_info_without_a_result_has_no_metrics() -> None:
    assert BackendBase(Estimator()).model_info("/m.ckpt")[0]["metrics"] == {}
