from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from threading import Event, Thread

import pytest

from backend.errors import ModelFileError, TemporaryError
from tests.faults.disks import NoLargerFiles
from workers.contract import ModelConfig, ModelHotUpdateConfig, WorkerStatus
from workers.sedna.hot_update import REPORTED_UPDATE_FILE, HotUpdate


@dataclass
class Worker:
    """What a hot update acts on: it notes what is loaded and reported."""

    config_file: Path
    loaded: Queue[str] = field(default_factory=Queue)
    reports: Queue[WorkerStatus] = field(default_factory=Queue)
    load_errors: list[Exception] = field(default_factory=list)
    report_errors: list[Exception] = field(default_factory=list)

    def load(self, path: Path) -> None:
        if self.load_errors:
            raise self.load_errors.pop()
        self.loaded.put(path.name)

    def report(self, status: WorkerStatus) -> None:
        if self.report_errors:
            raise self.report_errors.pop()
        self.reports.put(status)

    def hot_update(self) -> HotUpdate:
        return HotUpdate(self.config_file, self.load, self.report, poll_period=0.05)

    @contextmanager
    def running(self) -> Iterator[None]:
        stop = Event()
        thread = Thread(target=self.hot_update().run, args=(stop,))
        thread.start()
        yield
        stop.set()
        thread.join(timeout=10)
        assert not thread.is_alive()


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return Worker(tmp_path / "model_config.json")


def text(model: str, time: str) -> str:
    config = ModelConfig(model_path=f"/model-hot-update/{model}", model_update_time=time)
    return ModelHotUpdateConfig(model_config=config).to_json()


def test_each_update_is_loaded_and_reported_once(worker: Worker) -> None:
    with worker.running():
        for number in range(3):
            worker.config_file.write_text(text(f"{number}.onnx", f"time {number}"))
            assert worker.loaded.get(timeout=10) == f"{number}.onnx"
            assert worker.reports.get(timeout=10) is WorkerStatus.COMPLETED
    assert worker.loaded.empty()
    assert worker.reports.empty()


def test_an_unchanged_time_does_nothing(worker: Worker) -> None:
    hot_update = worker.hot_update()
    worker.config_file.write_text(text("1.onnx", "now"))
    hot_update.load_latest()
    worker.config_file.write_text(text("2.onnx", "now"))
    hot_update.load_latest()
    assert worker.loaded.get_nowait() == "1.onnx"
    assert worker.loaded.empty()


@pytest.mark.parametrize("length", [0, 1, 40, 80])
def test_a_half_written_file_is_read_again(worker: Worker, length: int) -> None:
    whole = text("1.onnx", "now")
    with worker.running():
        worker.config_file.write_text(whole[:length])
        worker.config_file.write_text(whole)
        assert worker.reports.get(timeout=10) is WorkerStatus.COMPLETED


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"model_config": {}}', text("1.onnx", "now")[:-1], "\x00"]
)
def test_what_is_no_config_changes_nothing(worker: Worker, content: str) -> None:
    worker.config_file.write_text(content)
    worker.hot_update().load_latest()
    assert worker.loaded.empty()


@pytest.mark.parametrize("error", [ModelFileError("damaged"), RuntimeError("what"), MemoryError()])
def test_a_model_that_cannot_be_loaded_is_reported_failed_and_the_next_one_loaded(
    worker: Worker, error: Exception
) -> None:
    worker.load_errors.append(error)
    with worker.running():
        worker.config_file.write_text(text("1.onnx", "first"))
        assert worker.reports.get(timeout=10) is WorkerStatus.FAILED
        worker.config_file.write_text(text("2.onnx", "second"))
        assert worker.reports.get(timeout=10) is WorkerStatus.COMPLETED
    assert worker.loaded.get_nowait() == "2.onnx"


def test_a_report_that_was_not_delivered_is_sent_again_without_loading_again(
    worker: Worker,
) -> None:
    worker.report_errors += [TemporaryError("the LC is away")] * 2
    with worker.running():
        worker.config_file.write_text(text("1.onnx", "first"))
        assert worker.reports.get(timeout=10) is WorkerStatus.COMPLETED
    assert worker.loaded.qsize() == 1


def test_a_restarted_worker_loads_the_newest_model_and_does_not_report_it_again(
    worker: Worker,
) -> None:
    worker.config_file.write_text(text("1.onnx", "first"))
    with worker.running():
        worker.reports.get(timeout=10)
    assert worker.config_file.with_name(REPORTED_UPDATE_FILE).exists()
    with worker.running():
        assert [worker.loaded.get(timeout=10) for _ in range(2)] == ["1.onnx"] * 2
        worker.config_file.write_text(text("2.onnx", "second"))
        assert worker.reports.get(timeout=10) is WorkerStatus.COMPLETED
    assert worker.loaded.get_nowait() == "2.onnx"
    assert worker.reports.empty()


def test_a_folder_that_cannot_remember_the_report_is_told(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    worker.config_file.with_name(REPORTED_UPDATE_FILE).mkdir()
    with worker.running():
        for number in range(2):
            worker.config_file.write_text(text("1.onnx", f"time {number}"))
            assert worker.reports.get(timeout=10) is WorkerStatus.COMPLETED
    assert worker.reports.empty()
    assert "would report this update again: " in caplog.text
    assert REPORTED_UPDATE_FILE in caplog.text


def test_why_the_report_cannot_be_remembered_is_told(
    worker: Worker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    worker.config_file.write_text(text("1.onnx", "first"))
    with NoLargerFiles.limited(tmp_path / "disk") as disk:
        disk.fill()
        with worker.running():
            assert worker.reports.get(timeout=10) is WorkerStatus.COMPLETED
    assert f"{REPORTED_UPDATE_FILE}: cannot be written (File too large): free" in caplog.text


def test_loading_the_latest_does_not_wait_for_a_report(worker: Worker) -> None:
    worker.config_file.write_text(text("1.onnx", "first"))
    worker.hot_update().load_latest()
    assert worker.loaded.get_nowait() == "1.onnx"
    assert worker.reports.empty()


def test_a_folder_that_comes_later_is_found(worker: Worker) -> None:
    worker.config_file = worker.config_file.parent / "later" / "model_config.json"
    with worker.running():
        worker.config_file.parent.mkdir()
        worker.config_file.write_text(text("1.onnx", "first"))
        assert worker.reports.get(timeout=10) is WorkerStatus.COMPLETED
