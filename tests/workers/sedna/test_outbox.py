from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.errors import TemporaryError
from tests.workers.conftest import S3Store
from workers.contract import ModelResult, WorkerKind, WorkerMessage, WorkerStatus
from workers.data.round_folder import TRAIN_REPORT_FILE, KeptReport, RoundFolder
from workers.sedna.outbox import Outbox
from workers.sedna.session import Session
from workers.storage import Mirror

WORKER = "train-worker-abcde"
MESSAGE = WorkerMessage(
    name=WORKER,
    namespace="default",
    ownerName="lamps",
    kind=WorkerKind.TRAIN,
    status=WorkerStatus.COMPLETED,
    results=[ModelResult(format="onnx", url="/m.onnx", metrics={"accuracy": [0.9]})],
)
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def is_completed(folder: Path) -> bool:
    return RoundFolder(folder, Mirror({})).is_completed


def outbox(*files: Path, worker: str = WORKER, mirror: Mirror | None = None) -> Outbox:
    return Outbox(worker, files, mirror or Mirror({}))


@pytest.mark.parametrize(
    "report",
    [
        KeptReport(worker=WORKER),
        KeptReport(worker=WORKER, message=MESSAGE),
        KeptReport(worker=WORKER, message=MESSAGE, delivered=NOW),
    ],
)
def test_what_is_kept_is_read(tmp_path: Path, report: KeptReport) -> None:
    file = tmp_path / "train" / TRAIN_REPORT_FILE
    assert outbox(file).keep(report)
    assert outbox(file).read() == report
    assert is_completed(file.parent) is (report.delivered is not None)


def test_another_workers_report_is_not_ours_until_the_round_is_claimed(tmp_path: Path) -> None:
    file = tmp_path / TRAIN_REPORT_FILE
    outbox(file).keep(KeptReport(worker=WORKER, message=MESSAGE, delivered=NOW))
    other = outbox(file, worker="train-worker-fghij")
    assert other.read() is None
    assert other.claim()
    assert not is_completed(file.parent)
    assert outbox(file).read() is None


@pytest.mark.parametrize("content", ["", '{"worker": ', "[]", "\x00"])
def test_a_damaged_file_is_no_report(tmp_path: Path, content: str) -> None:
    (tmp_path / TRAIN_REPORT_FILE).write_text(content)
    assert outbox(tmp_path / TRAIN_REPORT_FILE).read() is None
    assert not is_completed(tmp_path)


def test_the_first_place_that_can_be_written_keeps_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the folder's place")
    files = [tmp_path / "file" / TRAIN_REPORT_FILE, tmp_path / "other" / TRAIN_REPORT_FILE]
    report = KeptReport(worker=WORKER, message=MESSAGE)
    assert outbox(*files).keep(report)
    assert not caplog.messages
    assert outbox(*files).read() == report
    assert not outbox(files[0]).keep(report)
    assert "the report cannot be kept over a restart" in caplog.text
    assert not outbox().keep(report)


def test_a_report_is_kept_in_s3(s3: S3Store) -> None:
    report = KeptReport(worker=WORKER, message=MESSAGE)
    for is_new in (True, False):
        mirror = Mirror(s3.environment)
        kept = outbox(mirror.path(s3.url("out/train/1/report.json")), mirror=mirror)
        assert kept.read() == (None if is_new else report)
        assert kept.keep(report)


def test_storage_that_is_away_is_not_taken_for_an_empty_outbox() -> None:
    mirror = Mirror({"S3_ENDPOINT_URL": "http://127.0.0.1:9"})
    with pytest.raises(TemporaryError, match="S3 cannot be reached now"):
        outbox(mirror.path("s3://bucket/report.json"), mirror=mirror).read()


def test_what_can_never_be_read_keeps_nothing() -> None:
    mirror = Mirror({})
    kept = outbox(mirror.path("http://host/report.json"), mirror=mirror)
    assert kept.read() is None
    assert not kept.keep(KeptReport(worker=WORKER))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (WorkerKind.TRAIN, ["train/3/train-report.json", "data/3/train-report.json"]),
        (WorkerKind.EVAL, ["data/3/eval-report.json", "train/3/eval-report.json"]),
        (WorkerKind.DEPLOY, []),
    ],
)
def test_reports_are_kept_in_the_rounds_own_folders(
    tmp_path: Path, kind: WorkerKind, names: list[str]
) -> None:
    folder = tmp_path / "train" / "3"
    environment = {
        "JOB_NAME": "lamps",
        "WORKER_NAME": WORKER,
        "MODEL_URL": str(folder),
        "MODEL_URLS": f"{folder / 'model.onnx'};{tmp_path / 'deployed' / 'model.onnx'}",
        "TRAIN_DATASET_URL": str(tmp_path / "data" / "3" / "data.txt"),
        "TEST_DATASET_URL": str(tmp_path / "data" / "3" / "data.txt"),
    }
    kept = Session(kind, environment).outbox
    for name in names:
        assert kept.claim()
        assert (tmp_path / name).is_file()
        (tmp_path / name).unlink()
        (tmp_path / name).mkdir()
    assert not kept.claim()
