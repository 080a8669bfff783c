from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.errors import ModelFileError
from backend.images.opening import ImageSource
from backend.images.preprocessing import cropped
from backend.models import model_file
from backend.models.model_file import ModelCard
from tests.brightness_model import SIDE
from tests.local_controller import FakeLocalController, QuietHandler, serving
from tests.workers.conftest import S3Store
from workers.contract import WorkerKind, WorkerStatus
from workers.eval.evaluation import evaluate
from workers.sedna.process import run_round


@pytest.fixture
def environment(
    tmp_path: Path,
    identity: dict[str, str],
    make_model: Callable[..., Path],
    make_image: Callable[..., Path],
) -> dict[str, str]:
    lines = []
    for number, kind in enumerate(["dark", "dark", "dark", "bright"]):
        make_image(tmp_path / "dataset" / f"{number}.png", kind)
        lines.append(f"{number}.png {kind}\n")
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "data.txt").write_text("".join(lines + lines[:2]))
    right = make_model(tmp_path / "right.onnx")
    wrong = make_model(tmp_path / "wrong.onnx", sharpness=-4.0)
    return identity | {
        "DATA_PATH_PREFIX": str(tmp_path),
        "MODEL_URLS": f"{right};{wrong}",
        "TEST_DATASET_URL": str(tmp_path / "eval" / "data.txt"),
        "ORIGINAL_DATASET_URL": str(tmp_path / "dataset" / "index.txt"),
    }


def test_candidate_and_deployed_model_have_their_own_figures(
    environment: dict[str, str], local_controller: FakeLocalController
) -> None:
    run_round(WorkerKind.EVAL, environment, evaluate)
    message = local_controller.next_message()
    assert message.status is WorkerStatus.COMPLETED
    assert [(result.format, result.url) for result in message.results] == [
        ("onnx", "/right.onnx"),
        ("onnx", "/wrong.onnx"),
    ]
    right, wrong = (result.metrics for result in message.results)
    assert right["accuracy"] == [1.0]
    assert wrong["accuracy"] == [0.0]
    assert right["confusion_matrix"] == [3.0, 0.0, 0.0, 1.0]
    assert (right["balanced_accuracy"], wrong["balanced_accuracy"]) == ([1.0], [0.0])
    assert (right["worst_recall"], wrong["worst_recall"]) == ([1.0], [0.0])
    assert right["compared_samples"] == wrong["compared_samples"] == [4.0]
    assert right["better_probability"][0] > 0.5
    assert wrong["better_probability"] == [1 - right["better_probability"][0]]
    run_round(WorkerKind.EVAL, environment, evaluate)
    assert local_controller.messages.empty()


def test_each_image_is_decoded_once_for_both_models(
    environment: dict[str, str],
    local_controller: FakeLocalController,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoded = list[ImageSource]()

    def counted(source: ImageSource, size: int) -> NDArray[np.uint8]:
        decoded.append(source)
        return cropped(source, size)

    monkeypatch.setattr("backend.images.decoding.cropped", counted)
    run_round(WorkerKind.EVAL, environment, evaluate)
    assert local_controller.next_message().results[1].metrics["samples"] == [4.0]
    assert len(decoded) == 4


def test_a_missing_model_fails_the_round(
    environment: dict[str, str], local_controller: FakeLocalController
) -> None:
    environment["MODEL_URLS"] += "x"
    with pytest.raises(ModelFileError, match=r"wrong\.onnxx"):
        run_round(WorkerKind.EVAL, environment, evaluate)
    assert local_controller.next_message().status is WorkerStatus.FAILED


def test_everything_may_be_in_s3(
    environment: dict[str, str],
    tmp_path: Path,
    s3: S3Store,
    local_controller: FakeLocalController,
) -> None:
    for file in tmp_path.rglob("*.*"):
        s3.put(str(file.relative_to(tmp_path)), file.read_bytes())
    urls = {
        "MODEL_URLS": f"{s3.url('right.onnx')};{s3.url('wrong.onnx')}",
        "TEST_DATASET_URL": s3.url("eval/data.txt"),
        "ORIGINAL_DATASET_URL": s3.url("dataset/index.txt"),
    }
    for _ in range(2):
        run_round(WorkerKind.EVAL, environment | s3.environment | urls, evaluate)
    message = local_controller.next_message()
    assert [(result.url, result.metrics["accuracy"]) for result in message.results] == [
        (s3.url("right.onnx"), [1.0]),
        (s3.url("wrong.onnx"), [0.0]),
    ]
    assert local_controller.messages.empty()


def test_the_candidates_card_tells_how_sure_it_was(
    environment: dict[str, str], local_controller: FakeLocalController, tmp_path: Path
) -> None:
    right, wrong = tmp_path / "right.onnx", tmp_path / "wrong.onnx"
    for path in (right, wrong):
        model_file.write(path, path.read_bytes(), ModelCard(("dark", "bright"), SIDE))
    payload, deployed = model_file.read(right).payload, wrong.read_bytes()
    run_round(WorkerKind.EVAL, environment, evaluate)
    candidate = model_file.read(right)
    assert candidate.payload == payload
    assert candidate.card
    assert sum(candidate.card.confidence) == 4
    assert wrong.read_bytes() == deployed
    assert "confidence" not in local_controller.next_message().results[0].metrics


def test_a_candidate_that_cannot_be_written_is_judged_all_the_same(
    environment: dict[str, str], local_controller: FakeLocalController, tmp_path: Path
) -> None:
    class Handler(QuietHandler):
        def do_GET(self) -> None:  # noqa: N802 - http.server's name
            self.answer(HTTPStatus.OK, (tmp_path / self.path[1:]).read_bytes())

    with serving(Handler) as url:
        environment["MODEL_URLS"] = f"{url}/right.onnx;{url}/wrong.onnx"
        run_round(WorkerKind.EVAL, environment, evaluate)
    assert local_controller.next_message().results[0].metrics["accuracy"] == [1.0]


def test_both_models_are_judged_on_the_fixed_test_set(
    environment: dict[str, str],
    tmp_path: Path,
    local_controller: FakeLocalController,
    make_image: Callable[..., Path],
) -> None:
    make_image(tmp_path / "dataset" / "test" / "a.png", "dark")
    make_image(tmp_path / "dataset" / "test" / "b.png", "bright")
    (tmp_path / "dataset" / "test" / "index.txt").write_text("a.png dark\nb.png dark\n")

    run_round(WorkerKind.EVAL, environment | {"test_index": "test/index.txt"}, evaluate)

    right, wrong = (result.metrics for result in local_controller.next_message().results)
    assert (right["test_accuracy"], wrong["test_accuracy"]) == ([0.5], [0.5])
    assert right["test_compared_samples"] == [2]
    assert right["test_better_probability"] == [0.5]
    assert next(iter(right)) == "test_accuracy"
