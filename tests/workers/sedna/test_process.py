import errno
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from backend.errors import DatasetError, PermanentError, SettingsError, TemporaryError
from tests.local_controller import FakeLocalController
from workers.__main__ import main
from workers.contract import WorkerKind, WorkerStatus
from workers.data.round_folder import TRAIN_REPORT_FILE, KeptReport
from workers.sedna.incremental import IncrementalLearning
from workers.sedna.process import EXIT_UNEXPECTED, run_round, run_worker
from workers.sedna.session import Session
from workers.train.training import train


@pytest.fixture(autouse=True)
def _signals_and_log() -> Iterator[None]:
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    logging.root.handlers, logging.root.level = handlers, level


class Work:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls = 0

    def __call__(self, given: Session | Mapping[str, str]) -> None:
        assert isinstance(given, Session) or given is os.environ
        self.calls += 1
        if self.error:
            raise self.error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SettingsError("epochs is wrong."), 2),
        (DatasetError("line 3 is wrong."), 3),
        (TemporaryError("the LC is away."), 75),
        (PermanentError("no."), 1),
        (ZeroDivisionError("division by zero"), EXIT_UNEXPECTED),
    ],
)
def test_an_error_is_one_line_and_its_exit_status(
    error: Exception, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_worker("train", Work(error), []) == status
    (line,) = capfd.readouterr().err.splitlines()
    assert " ERROR train worker: " in line
    assert str(error) in line


def test_an_unreadable_file_is_a_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    error = PermissionError(errno.EACCES, "Permission denied", "/data/index.txt")
    assert run_worker("train", Work(error), []) == EXIT_UNEXPECTED
    expected = "/data/index.txt: cannot be used (Permission denied): check that user"
    assert expected in capfd.readouterr().err


def test_a_full_disk_is_temporary_wherever_it_is_met(
    identity: dict[str, str], tmp_path: Path, local_controller: FakeLocalController
) -> None:
    def train_on_a_full_disk(_: Session) -> None:
        full = OSError(errno.ENOSPC, "No space left on device")
        raise RuntimeError("the compiler failed") from full

    with pytest.raises(RuntimeError):
        run_round(WorkerKind.TRAIN, identity | {"MODEL_URL": str(tmp_path)}, train_on_a_full_disk)
    assert local_controller.messages.empty()


@pytest.mark.parametrize("arguments", [["--debug"], []])
def test_debugging_adds_the_traceback(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if not arguments:
        monkeypatch.setenv("DEBUG", "true")
    run_worker("train", Work(KeyError("x")), arguments)
    assert "Traceback" in capfd.readouterr().err


def test_success_is_quiet_and_zero(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_worker("eval", Work(), []) == 0
    assert capfd.readouterr().err == ""


# As MindSpore's compiler does.
HIDES_WHAT_INTERRUPTS_IT = """
import os, signal, sys
from workers.sedna.process import run_worker

def work(environment):
    try:
        os.kill(os.getpid(), int(sys.argv[1]))
        signal.pause()
    except BaseException:
        raise RuntimeError("the compiler failed")

sys.exit(run_worker("train", work, []))
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_work_wherever_it_is(number: signal.Signals, status: int) -> None:
    command = [sys.executable, "-c", HIDES_WHAT_INTERRUPTS_IT, str(int(number))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (status, "")


@pytest.mark.parametrize("error", [DatasetError("line 3 is wrong."), ZeroDivisionError("oh")])
def test_a_permanent_error_is_reported_once_over_restarts(
    error: Exception,
    identity: dict[str, str],
    tmp_path: Path,
    local_controller: FakeLocalController,
) -> None:
    environment = identity | {"MODEL_URL": str(tmp_path)}
    work = Work(error)
    with pytest.raises(type(error)):
        run_round(WorkerKind.TRAIN, environment, work)
    run_round(WorkerKind.TRAIN, environment, work)
    message = local_controller.next_message()
    assert (message.kind, message.status) == (WorkerKind.TRAIN, WorkerStatus.FAILED)
    assert local_controller.messages.empty()
    assert work.calls == 1


def test_the_log_of_a_reported_failure_ends_with_its_reason(
    identity: dict[str, str],
    tmp_path: Path,
    local_controller: FakeLocalController,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(DatasetError):
        run_round(
            WorkerKind.TRAIN,
            identity | {"MODEL_URL": str(tmp_path)},
            Work(DatasetError("line 3 is wrong.")),
        )
    ours = [record for record in caplog.records if record.name.startswith("workers")]
    assert ours[-1].getMessage() == "reporting that the round failed: line 3 is wrong."


def test_a_temporary_error_is_not_reported(
    identity: dict[str, str], tmp_path: Path, local_controller: FakeLocalController
) -> None:
    environment = identity | {"MODEL_URL": str(tmp_path)}
    work = Work(TemporaryError("later."))
    for _ in range(2):
        with pytest.raises(TemporaryError):
            run_round(WorkerKind.TRAIN, environment, work)
    assert local_controller.messages.empty()
    assert work.calls == 2


def test_a_failure_that_cannot_be_reported_is_told_and_reported_after_the_restart(
    identity: dict[str, str], tmp_path: Path, local_controller: FakeLocalController
) -> None:
    environment = identity | {
        "TEST_DATASET_URL": str(tmp_path / "data.txt"),
        "report_patience_seconds": "0.01",
    }
    local_controller.statuses = [500] * 3
    work = Work(DatasetError("line 3 is wrong."))
    with pytest.raises(TemporaryError, match=r"line 3 is wrong\. .*status 500"):
        run_round(WorkerKind.EVAL, environment, work)
    local_controller.statuses = []
    run_round(WorkerKind.EVAL, environment, work)
    assert local_controller.next_message().status is WorkerStatus.FAILED
    assert work.calls == 1


@pytest.mark.parametrize("url", ["gs://bucket/1", "http://127.0.0.1:9/1", "s3://b/../1", ""])
def test_wrong_settings_are_reported_wherever_the_output_is(
    identity: dict[str, str], local_controller: FakeLocalController, tmp_path: Path, url: str
) -> None:
    urls = {"MODEL_URL": url, "TRAIN_DATASET_URL": str(tmp_path / "data.txt")}
    with pytest.raises(SettingsError):
        run_round(WorkerKind.TRAIN, identity | urls, train)
    assert local_controller.next_message().status is WorkerStatus.FAILED
    run_round(WorkerKind.TRAIN, identity | urls, train)
    assert local_controller.messages.empty()


def test_a_failure_of_which_nothing_can_be_kept_is_not_repeated_by_a_restart(
    identity: dict[str, str],
    local_controller: FakeLocalController,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run_round(WorkerKind.TRAIN, identity, Work(DatasetError("line 3 is wrong.")))
    assert local_controller.next_message().status is WorkerStatus.FAILED
    assert "line 3 is wrong. (reported, and ended" in caplog.text


def test_an_error_after_the_report_is_no_second_report(
    identity: dict[str, str], tmp_path: Path, local_controller: FakeLocalController
) -> None:
    environment = identity | {
        "BASE_MODEL_URL": str(tmp_path / "base.onnx"),
        "MODEL_URL": str(tmp_path / "1"),
        "TRAIN_DATASET_URL": str(tmp_path / "data.txt"),
        "model_formats": "onnx",
    }

    class Estimator:
        device = "CPU"

        def train(self, data: object) -> None:
            """Learn nothing."""

        def load(self, path: str) -> None:
            """Know nothing."""

        def save(self, path: str) -> None:
            Path(path).write_text("a model")

    def broken(_backend: object) -> object:
        raise ZeroDivisionError("in the user's own code")

    def work(_: Session) -> None:
        learning = IncrementalLearning(Estimator(), environment=environment)
        learning.train([], post_process=broken)

    with pytest.raises(ZeroDivisionError):
        run_round(WorkerKind.TRAIN, environment, work)
    assert local_controller.next_message().status is WorkerStatus.COMPLETED
    run_round(WorkerKind.TRAIN, environment, work)
    assert local_controller.messages.empty()


def test_what_an_earlier_worker_left_is_not_taken_for_this_ones(
    identity: dict[str, str], tmp_path: Path, local_controller: FakeLocalController
) -> None:
    environment = identity | {"MODEL_URL": str(tmp_path)}
    run_round(WorkerKind.TRAIN, environment | {"WORKER_NAME": "other"}, Work())
    work = Work(TemporaryError("later."))
    with pytest.raises(TemporaryError):
        run_round(WorkerKind.TRAIN, environment, work)
    kept = KeptReport.model_validate_json((tmp_path / TRAIN_REPORT_FILE).read_bytes())
    assert kept == KeptReport(worker="worker-abcde")


def test_a_restarted_worker_removes_what_a_killed_one_had_half_written(
    identity: dict[str, str], tmp_path: Path, local_controller: FakeLocalController
) -> None:
    candidate, index = tmp_path / "train" / "model.onnx", tmp_path / "eval" / "data.txt"
    environment = identity | {"MODEL_URLS": f"{candidate};/other", "TEST_DATASET_URL": str(index)}
    half = [file.parent / f".{file.stem}-partial-x{file.suffix}" for file in (candidate, index)]

    def killed(_: Session) -> None:
        for file in half:
            file.parent.mkdir(exist_ok=True)
            file.write_text("half")
        raise DatasetError("line 3 is wrong.")

    with pytest.raises(DatasetError):
        run_round(WorkerKind.EVAL, environment, killed)
    local_controller.next_message()
    run_round(WorkerKind.EVAL, environment, Work())

    assert not any(file.exists() for file in half)


def test_an_unknown_controller_is_an_error_of_its_own() -> None:
    with pytest.raises(SettingsError, match="WORKER_NAME is not set"):
        run_round(WorkerKind.TRAIN, {"JOB_NAME": "lamps"}, Work())


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["infer", "--help"]])
def test_the_command_tells_its_use(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 0
    assert "python -m workers" in capsys.readouterr().out


def test_an_unknown_worker_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["workers", "deploy"])
    with pytest.raises(SystemExit) as raised:
        main()
    assert raised.value.code == 2
    assert "'train', 'eval', 'compare', 'infer'" in capsys.readouterr().err.replace(
        "choose from ", ""
    )
