"""The hazards of the real GlobalManager and LocalController, and the workers' answers.

What another test shows already is not repeated:

1.  a report or an exit status: sedna/test_process; every format: sedna/test_incremental
2.  a leftover tail: here, and tests/backend/models/test_model_file
3.  the margin around a report: sedna/test_local_controller, test_settings; sent once: here
4.  a failed round's samples come back: here, learning/test_replay, train/test_training
5.  a full output folder: here, sedna/test_process
10. folders of another user: sedna/test_outbox, storage/test_folders
11. metrics are lists, and both models have the same: sedna/test_incremental
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.errors import DatasetError, TemporaryError
from backend.models import model_file
from backend.models.model_file import ModelCard
from tests.brightness_model import SIDE
from tests.local_controller import FakeLocalController
from workers.contract import Variable, WorkerKind, WorkerStatus
from workers.data.quarantine import Quarantine
from workers.data.round_folder import RoundFolder
from workers.eval.evaluation import evaluate
from workers.learning.estimators import make_backend
from workers.sedna.process import run_round
from workers.sedna.session import Session
from workers.train.settings import TrainSettings
from workers.train.training import round_images

TWO_MINUTES = 24  # tries at the 1/1000 of the true delays that these tests wait


class Counter:
    """An estimator whose model is how many images it was trained on."""

    device = "CPU"
    sessions = 0

    def __init__(self) -> None:
        self.images = 0

    def train(self, data: list[object]) -> dict[str, float]:
        Counter.sessions += 1
        self.images += len(data)
        return {"images": float(self.images)}

    def save(self, path: str) -> None:
        Path(path).write_text(json.dumps(self.images))

    def load(self, path: str) -> None:
        self.images = json.loads(Path(path).read_text())


def train(session: Session) -> None:
    """Do what the train worker does, with an estimator that needs no time."""
    settings = session.settings(TrainSettings)
    backend = make_backend(Counter(), settings)
    images = read_images(session)
    session.load(backend, settings.base_model_url, Variable.BASE_MODEL_URL)
    metrics = backend.train(images)
    session.report_trained(backend, settings, metrics)


def read_images(session: Session) -> list[object]:
    settings = session.settings(TrainSettings)
    folder = RoundFolder(settings.model_url, session.mirror)
    quarantine = Quarantine(folder.train_quarantine, folder, share=settings.unreadable_share)
    return list(round_images(session, settings, folder, quarantine).images.x)


@pytest.fixture(autouse=True)
def _short_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "workers.sedna.local_controller._delays", lambda _first: iter([0.005] * 10_000)
    )
    monkeypatch.setattr(Counter, "sessions", 0)


@pytest.fixture
def node(
    tmp_path: Path, identity: dict[str, str], make_image: Callable[..., Path]
) -> dict[str, str]:
    """A first round's training: two images."""
    for number in range(4):
        make_image(tmp_path / "dataset" / f"{number}.png", "dark")
    (tmp_path / "dataset" / "index.txt").write_text("".join(f"{n}.png dark\n" for n in range(4)))
    (tmp_path / "base.ckpt").write_text("0")
    (tmp_path / "1.txt").write_text("0.png dark\n1.png dark\n")
    return identity | {
        "DATA_PATH_PREFIX": str(tmp_path),
        "BASE_MODEL_URL": str(tmp_path / "base.ckpt"),
        "MODEL_URL": str(tmp_path / "out" / "train" / "1"),
        "TRAIN_DATASET_URL": str(tmp_path / "1.txt"),
        "ORIGINAL_DATASET_URL": str(tmp_path / "dataset" / "index.txt"),
        "replay": "0",
    }


@pytest.mark.parametrize("status", [500, 400, 503])
def test_a_controller_that_refuses_for_two_minutes_loses_nothing(
    node: dict[str, str], local_controller: FakeLocalController, status: int
) -> None:
    local_controller.statuses = [status] * TWO_MINUTES
    run_round(WorkerKind.TRAIN, node, train)
    message = local_controller.next_message()
    assert message.status is WorkerStatus.COMPLETED
    assert [result.url for result in message.results] == [
        "/out/train/1/model.ckpt",
        "/out/train/1/model.onnx",
    ]
    assert local_controller.messages.empty()


def test_a_controller_that_talks_garbage_for_two_minutes_loses_nothing(
    node: dict[str, str], local_controller: FakeLocalController
) -> None:
    local_controller.garbage = [b"<html>", b"", b"{}", b'{"Status": "OK"}'] * (TWO_MINUTES // 4)
    run_round(WorkerKind.TRAIN, node, train)
    assert local_controller.next_message().status is WorkerStatus.COMPLETED
    assert local_controller.messages.empty()


def test_a_controller_that_is_away_until_the_worker_gives_up_loses_nothing(
    node: dict[str, str], local_controller: FakeLocalController
) -> None:
    away = node | {"LC_SERVER": "http://127.0.0.1:9", "report_patience_seconds": "0.02"}
    for _ in range(3):
        with pytest.raises(TemporaryError):
            run_round(WorkerKind.TRAIN, away, train)
    run_round(WorkerKind.TRAIN, node, train)
    assert local_controller.next_message().status is WorkerStatus.COMPLETED
    assert Counter.sessions == 1


def test_hazard_2_a_leftover_tail_is_ignored(
    node: dict[str, str],
    tmp_path: Path,
    local_controller: FakeLocalController,
    make_model: Callable[..., Path],
) -> None:
    payload = make_model(tmp_path / "raw.onnx").read_bytes()
    short, copied = tmp_path / "short.onnx", tmp_path / "copied.onnx"
    model_file.write(short, payload, ModelCard(("dark", "bright"), SIDE))
    copied.write_bytes(short.read_bytes() + b"the tail of a longer model")
    urls = {"MODEL_URLS": f"{short};{copied}", "TEST_DATASET_URL": str(tmp_path / "1.txt")}
    run_round(WorkerKind.EVAL, node | urls, evaluate)
    results = local_controller.next_message().results
    assert [result.metrics["accuracy"] for result in results] == [[1.0], [1.0]]


def test_hazard_3_a_report_is_sent_once_however_often_the_worker_is_started(
    node: dict[str, str], local_controller: FakeLocalController
) -> None:
    for _ in range(3):
        run_round(WorkerKind.TRAIN, node, train)
    assert local_controller.next_message().status is WorkerStatus.COMPLETED
    assert local_controller.messages.empty()
    assert Counter.sessions == 1


def test_hazard_4_a_failed_worker_ends_its_restarts_and_its_samples_return(
    node: dict[str, str], tmp_path: Path, local_controller: FakeLocalController
) -> None:
    (tmp_path / "base.ckpt").rename(tmp_path / "gone")
    with pytest.raises(FileNotFoundError):
        run_round(WorkerKind.TRAIN, node, train)
    run_round(WorkerKind.TRAIN, node, train)  # as Kubernetes starts it again: it ends with 0
    assert local_controller.next_message().status is WorkerStatus.FAILED
    assert local_controller.messages.empty()

    (tmp_path / "gone").rename(tmp_path / "base.ckpt")
    (tmp_path / "2.txt").write_text("2.png dark\n")
    second = {
        "WORKER_NAME": "worker-fghij",
        "MODEL_URL": str(tmp_path / "out" / "train" / "2"),
        "TRAIN_DATASET_URL": str(tmp_path / "2.txt"),
    }
    run_round(WorkerKind.TRAIN, node | second, train)
    message = local_controller.next_message()
    assert message.results[0].metrics == {"images": [3.0]}


def test_hazard_5_a_full_output_folder_is_written_over(
    node: dict[str, str], tmp_path: Path, local_controller: FakeLocalController
) -> None:
    run_round(WorkerKind.TRAIN, node, train)
    run_round(WorkerKind.TRAIN, node | {"WORKER_NAME": "worker-fghij"}, train)
    first, second = local_controller.next_message(), local_controller.next_message()
    assert [message.name for message in (first, second)] == ["worker-abcde", "worker-fghij"]
    assert first.results == second.results


def test_hazard_5_a_round_that_fails_in_a_full_folder_is_not_taken_for_the_earlier_one(
    node: dict[str, str], tmp_path: Path, local_controller: FakeLocalController
) -> None:
    run_round(WorkerKind.TRAIN, node, train)

    def killed(session: Session) -> None:
        read_images(session)
        raise TemporaryError("killed.")

    with pytest.raises(TemporaryError):
        run_round(WorkerKind.TRAIN, node | {"WORKER_NAME": "worker-fghij"}, killed)
    (tmp_path / "2.txt").write_text("2.png dark\n")
    second = {
        "WORKER_NAME": "worker-klmno",
        "MODEL_URL": str(tmp_path / "out" / "train" / "2"),
        "TRAIN_DATASET_URL": str(tmp_path / "2.txt"),
    }
    run_round(WorkerKind.TRAIN, node | second, train)
    local_controller.next_message()
    assert local_controller.next_message().results[0].metrics == {"images": [3.0]}


def test_repeated_lines_count_once(
    node: dict[str, str], tmp_path: Path, local_controller: FakeLocalController
) -> None:
    (tmp_path / "1.txt").write_text("0.png dark\n" * 5)
    run_round(WorkerKind.TRAIN, node, train)
    assert local_controller.next_message().results[0].metrics == {"images": [1.0]}


def test_an_empty_evaluation_file_ends_the_stage_and_gives_no_figure_to_deploy_on(
    node: dict[str, str],
    tmp_path: Path,
    local_controller: FakeLocalController,
    make_model: Callable[..., Path],
) -> None:
    (tmp_path / "data.txt").write_text("")
    models = [make_model(tmp_path / f"{name}.onnx") for name in ("new", "old")]
    urls = {
        "MODEL_URLS": ";".join(map(str, models)),
        "TEST_DATASET_URL": str(tmp_path / "data.txt"),
    }
    run_round(WorkerKind.EVAL, node | urls, evaluate)
    message = local_controller.next_message()
    assert message.status is WorkerStatus.COMPLETED
    assert [result.metrics for result in message.results] == [
        {"samples": [0.0], "unreadable": [0.0]}
    ] * 2


def test_a_round_without_anything_to_train_on_fails_instead_of_ending_without_a_report(
    node: dict[str, str], tmp_path: Path, local_controller: FakeLocalController
) -> None:
    (tmp_path / "1.txt").write_text("")
    with pytest.raises(DatasetError, match="contains no samples"):
        run_round(WorkerKind.TRAIN, node, train)
    assert local_controller.next_message().status is WorkerStatus.FAILED
