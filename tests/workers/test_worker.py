import logging
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from backend.errors import DatasetError, PermanentError, SettingsError, TemporaryError
from tests.workers.conftest import FakeLocalController
from workers.__main__ import main
from workers.contract import WorkerKind, WorkerStatus
from workers.lc import REPORT_FILE
from workers.train.training import train
from workers.worker import EXIT_UNEXPECTED, run_round, run_worker


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

    def __call__(self, environment: Mapping[str, str]) -> None:
        assert "WORKER_NAME" in environment or environment is os.environ
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


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_work(number: signal.Signals, status: int) -> None:
    def work(environment: Mapping[str, str]) -> None:
        os.kill(os.getpid(), number)
        signal.pause()

    with pytest.raises(SystemExit) as raised:
        run_worker("train", work, [])
    assert raised.value.code == status


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
    assert (tmp_path / REPORT_FILE).exists()
    local_controller.statuses = []
    run_round(WorkerKind.EVAL, environment, work)
    assert local_controller.next_message().status is WorkerStatus.FAILED
    assert work.calls == 1


def test_wrong_settings_are_reported_as_long_as_the_controller_is_known(
    identity: dict[str, str], local_controller: FakeLocalController
) -> None:
    with pytest.raises(SettingsError, match="BASE_MODEL_URL is not set"):
        run_round(WorkerKind.TRAIN, identity | {"MODEL_URL": "s3://bucket/1"}, train)
    assert local_controller.next_message().status is WorkerStatus.FAILED


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
    assert "'train', 'eval', 'infer'" in capsys.readouterr().err.replace("choose from ", "")
