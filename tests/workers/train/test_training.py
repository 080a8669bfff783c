import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.errors import DatasetError, ImageError
from tests.local_controller import FakeLocalController
from tests.workers.conftest import S3Store
from workers.contract import WorkerKind, WorkerMessage, WorkerStatus
from workers.data.held_out import HeldOutSample, read_held_out, write_held_out
from workers.data.quarantine import Quarantine, read_quarantine
from workers.data.round_folder import TRAIN_REPORT_FILE, KeptReport, RoundFolder
from workers.sedna.outbox import Outbox
from workers.sedna.process import run_round
from workers.sedna.session import Session
from workers.storage import Mirror
from workers.train.settings import TrainSettings
from workers.train.training import RoundImages, round_images, train

HELD_OUT_FILE = "held-out.csv"
SAMPLES_FILE = "samples.txt"
TRAIN_QUARANTINE_FILE = "train-quarantine.csv"


def read(environment: Mapping[str, str], **variables: str) -> RoundImages:
    """Return what the round would train on."""
    session = Session(WorkerKind.TRAIN, {**environment, **variables})
    settings = session.settings(TrainSettings)
    folder = RoundFolder(settings.model_url, session.mirror)
    quarantine = Quarantine(folder.train_quarantine, folder, share=settings.unreadable_share)
    return round_images(session, settings, folder, quarantine)


def names(environment: Mapping[str, str], **variables: str) -> list[str]:
    """Return the names of the images that the round would train on."""
    return [Path(str(image)).name for image in read(environment, **variables).images.x]


@pytest.fixture
def environment(
    tmp_path: Path, identity: dict[str, str], make_image: Callable[..., Path]
) -> dict[str, str]:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "index.txt").write_text("1.png dark\n2.png bright\n3.png dark\n4.pn")
    (tmp_path / "data.txt").write_text("3.png dark\n3.png dark\n")
    (tmp_path / "train" / "1").mkdir(parents=True)
    (tmp_path / "train" / "1" / SAMPLES_FILE).write_text("1.png dark\n2.png bright\n")
    for number in range(1, 4):
        make_image(tmp_path / "dataset" / f"{number}.png", "dark")
    return identity | {
        "DATA_PATH_PREFIX": str(tmp_path),
        "BASE_MODEL_URL": str(tmp_path / "base.ckpt"),
        "MODEL_URL": str(tmp_path / "train" / "2"),
        "TRAIN_DATASET_URL": str(tmp_path / "data.txt"),
        "ORIGINAL_DATASET_URL": str(tmp_path / "dataset" / "index.txt"),
    }


def deliver(folder: Path) -> None:
    """Let the round of this folder have reported its model."""
    message = WorkerMessage(
        name="w",
        namespace="default",
        ownerName="lamps",
        kind=WorkerKind.TRAIN,
        status=WorkerStatus.COMPLETED,
    )
    report = KeptReport(worker="w", message=message, delivered=datetime.now(UTC))
    assert Outbox("w", [folder / TRAIN_REPORT_FILE], Mirror({})).keep(report)


def test_a_round_has_its_new_samples_and_a_replay_of_older_ones(
    environment: dict[str, str], tmp_path: Path
) -> None:
    deliver(tmp_path / "train" / "1")
    images = names(environment)
    assert images[0] == "3.png"
    assert set(images[1:]) == {"1.png", "2.png"}
    assert (tmp_path / "train" / "2" / SAMPLES_FILE).read_text() == "3.png dark\n" * 2
    assert len(names(environment, replay="1")) == 2


def test_what_a_failed_round_missed_is_recorded_as_this_rounds(
    environment: dict[str, str], tmp_path: Path
) -> None:
    assert names(environment, replay="0") == ["3.png", "1.png", "2.png"]
    remembered = (tmp_path / "train" / "2" / SAMPLES_FILE).read_text()
    assert remembered == "3.png dark\n3.png dark\n1.png dark\n2.png bright\n"


def test_missed_samples_are_enough_for_a_round(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("")
    assert names(environment) == ["1.png", "2.png"]


def test_a_round_without_samples_is_refused(environment: dict[str, str], tmp_path: Path) -> None:
    deliver(tmp_path / "train" / "1")
    (tmp_path / "data.txt").write_text("\n")
    with pytest.raises(DatasetError, match=r"data\.txt: contains no samples"):
        names(environment)


def test_a_round_in_s3_is_recorded_there_and_the_earlier_ones_are_found(
    environment: dict[str, str], tmp_path: Path, s3: S3Store
) -> None:
    """On a cluster: the init container's folder, dataIndex.txt in the output, images in S3."""
    for number in range(1, 4):
        s3.put(f"dataset/{number}.png", b"an image")
    s3.put("out/data/train/2/dataIndex.txt", f"{s3.url('dataset/')}\n3.png\n")
    s3.put(f"out/train/1/{SAMPLES_FILE}", "1.png dark\n2.png bright\n")
    remote = s3.environment | {
        "MODEL_URL": s3.url("out/train/2"),
        "ORIGINAL_DATASET_URL": str(tmp_path / "dataIndex.txt"),
    }
    (tmp_path / "3.png").write_bytes(b"downloaded by the init container")
    assert names(environment | remote) == ["3.png", "1.png", "2.png"]
    expected = b"3.png dark\n3.png dark\n1.png dark\n2.png bright\n"
    assert s3.get(f"out/train/2/{SAMPLES_FILE}") == expected


def test_a_round_takes_the_record_of_what_was_held_out_with_it(
    environment: dict[str, str], tmp_path: Path
) -> None:
    row = HeldOutSample(1, "9.png", "dark", "dark")
    write_held_out(tmp_path / "train" / "1" / HELD_OUT_FILE, [row])
    names(environment)
    assert read_held_out(tmp_path / "train" / "2" / HELD_OUT_FILE) == [row]


def test_an_image_outside_the_dataset_is_left_out(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "dataset" / "3.png").unlink()
    (tmp_path / "dataset" / "3.png").symlink_to("/etc/hostname")
    assert names(environment, unreadable_share="0.4") == ["1.png", "2.png"]
    with pytest.raises(ImageError, match=rf"3\.png: .* 3 samples .*{TRAIN_QUARANTINE_FILE}"):
        names(environment)


@pytest.mark.e2e
@pytest.mark.parametrize("fine_tune", ["head", "1"])
def test_unreadable_images_are_left_out_listed_and_counted(
    environment: dict[str, str],
    tmp_path: Path,
    local_controller: FakeLocalController,
    fine_tune: str,
) -> None:
    from backend.classifier import TinyMSClassifier  # noqa: PLC0415 - slow to import

    (tmp_path / "dataset" / "2.png").write_bytes(b"no picture")
    (tmp_path / "dataset" / "1.png").unlink()
    TinyMSClassifier(["dark", "bright"], 32).save(str(tmp_path / "base.ckpt"))
    (tmp_path / "data.txt").write_text("1.png dark\n2.png bright\n3.png dark\n")
    settings = {"epochs": "1", "fine_tune": fine_tune, "unreadable_share": "0.7"}
    run_round(WorkerKind.TRAIN, environment | settings, train)
    message = local_controller.next_message()
    assert message.status is WorkerStatus.COMPLETED
    assert [result.metrics["unreadable"] for result in message.results] == [[2.0], [2.0]]
    listed = {row.path for row in read_quarantine(tmp_path / "train" / "2" / TRAIN_QUARANTINE_FILE)}
    assert listed == {"1.png", "2.png"}


@pytest.mark.e2e
def test_a_round_is_trained_reported_and_not_trained_twice(
    environment: dict[str, str],
    tmp_path: Path,
    make_image: Callable[..., Path],
    local_controller: FakeLocalController,
) -> None:
    from backend.classifier import TinyMSClassifier  # noqa: PLC0415 - slow to import

    for name, kind in {"1": "dark", "2": "bright", "3": "dark"}.items():
        make_image(tmp_path / "dataset" / f"{name}.png", kind)
    TinyMSClassifier(["dark", "bright"], 32).save(str(tmp_path / "base.ckpt"))
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


def test_a_rare_class_and_a_small_round_count_as_much(
    environment: dict[str, str], tmp_path: Path
) -> None:
    deliver(tmp_path / "train" / "1")
    (tmp_path / "data.txt").write_text("3.png dark\n4.png dark\n")
    Path(tmp_path, "dataset", "4.png").symlink_to("3.png")
    # Two dark ones are new; of round 1 there is one of each class.
    assert read(environment).repeats == [1, 1, 2, 2]
    assert read(environment, balance="false").repeats is None


def test_more_older_samples_are_replayed_the_less_is_trained(
    environment: dict[str, str],
) -> None:
    settings = [
        Session(WorkerKind.TRAIN, environment | variables).settings(TrainSettings).replay_count
        for variables in (
            {"fine_tune": "full"},
            {},
            {"fine_tune": "head"},
            {"fine_tune": "head", "replay": "7"},
        )
    ]
    assert settings == [500, 2000, sys.maxsize, 7]


def test_samples_of_the_test_set_are_not_trained_on_whichever_round_they_were_new_in(
    environment: dict[str, str], tmp_path: Path, make_image: Callable[..., Path]
) -> None:
    deliver(tmp_path / "train" / "1")
    make_image(tmp_path / "dataset" / "1.png", "bright")
    make_image(tmp_path / "dataset" / "4.png", "grey")
    (tmp_path / "data.txt").write_text("3.png dark\n4.png bright\n")
    (tmp_path / "dataset" / "test.txt").write_text("1.png bright\n4.png bright\n")

    assert set(names(environment)) == {"3.png", "4.png", "1.png", "2.png"}
    assert set(names(environment, test_index="test.txt")) == {"3.png", "2.png"}


@pytest.mark.parametrize(("share", "judges"), [("0", 0), ("0.25", 10), ("0.2", 0)])
def test_some_of_the_new_samples_judge_the_epochs_if_they_are_enough(
    share: str,
    judges: int,
    environment: dict[str, str],
    tmp_path: Path,
    make_image: Callable[..., Path],
) -> None:
    deliver(tmp_path / "train" / "1")
    new = [f"new{number}.png" for number in range(40)]
    for name in new:
        make_image(tmp_path / "dataset" / name, "dark")
    lines = [f"{name} {label}\n" for name, label in zip(new, ["dark", "bright"] * 20, strict=True)]
    (tmp_path / "data.txt").write_text("".join(lines))
    (tmp_path / "dataset" / "index.txt").write_text("1.png dark\n2.png bright\n" + "".join(lines))
    images, _, validation = read(environment, validation_share=share)
    assert len(validation) == judges
    assert {Path(str(images.x[each])).name for each in validation} <= set(new)
    assert sum(images.y[each] for each in validation) * 2 == judges
