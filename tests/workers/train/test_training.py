from collections.abc import Callable
from pathlib import Path

import pytest

from backend.errors import DatasetError
from tests.workers.conftest import FakeLocalController
from workers.contract import WorkerKind, WorkerStatus
from workers.replay import SAMPLES_FILE
from workers.samples import Sample
from workers.settings import TrainSettings
from workers.train.training import round_samples, train
from workers.worker import run_round


@pytest.fixture
def environment(tmp_path: Path, identity: dict[str, str]) -> dict[str, str]:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "index.txt").write_text("1.png dark\n2.png bright\n3.png dark\n4.pn")
    (tmp_path / "data.txt").write_text("3.png dark\n3.png dark\n")
    (tmp_path / "train" / "1").mkdir(parents=True)
    (tmp_path / "train" / "1" / SAMPLES_FILE).write_text("1.png dark\n2.png bright\n")
    return identity | {
        "DATA_PATH_PREFIX": str(tmp_path),
        "BASE_MODEL_URL": str(tmp_path / "base.ckpt"),
        "MODEL_URL": str(tmp_path / "train" / "2"),
        "TRAIN_DATASET_URL": str(tmp_path / "data.txt"),
        "ORIGINAL_DATASET_URL": str(tmp_path / "dataset" / "index.txt"),
    }


def test_a_round_has_its_new_samples_and_a_replay_of_older_ones(
    environment: dict[str, str], tmp_path: Path
) -> None:
    samples = round_samples(TrainSettings.from_environment(environment))
    assert samples[0] == Sample("3.png", 0)
    assert set(samples[1:]) == {Sample("1.png", 0), Sample("2.png", 1)}
    assert (tmp_path / "train" / "2" / SAMPLES_FILE).read_text() == "3.png dark\n"


def test_without_replay_the_original_index_is_not_needed(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "dataset" / "index.txt").unlink()
    settings = TrainSettings.from_environment(environment | {"replay": "0"})
    assert round_samples(settings) == [Sample("3.png", 0)]


def test_a_round_without_samples_is_refused(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("\n")
    with pytest.raises(DatasetError, match=r"data\.txt: holds no sample"):
        round_samples(TrainSettings.from_environment(environment))


@pytest.mark.e2e
def test_a_round_is_trained_reported_and_not_trained_twice(
    environment: dict[str, str],
    tmp_path: Path,
    make_image: Callable[..., Path],
    local_controller: FakeLocalController,
) -> None:
    from backend.mobilenetv2 import TinyMSMobileNetV2  # noqa: PLC0415

    for name, kind in {"1": "dark", "2": "bright", "3": "dark"}.items():
        make_image(tmp_path / "dataset" / f"{name}.png", kind)
    TinyMSMobileNetV2(["dark", "bright"], 32).save(str(tmp_path / "base.ckpt"))
    environment |= {"epochs": "1", "batch_size": "3", "fine_tune": "head"}
    for _ in range(2):
        run_round(WorkerKind.TRAIN, environment, train)
    message = local_controller.next_message()
    assert message.status is WorkerStatus.COMPLETED
    assert local_controller.messages.empty()
    assert [result.url for result in message.results] == [
        "/train/2/model.ckpt",
        "/train/2/model.onnx",
    ]
    assert all((tmp_path / result.url[1:]).stat().st_size for result in message.results)
    assert len(message.results[0].metrics["loss"]) == 1
