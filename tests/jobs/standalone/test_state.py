import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.errors import SettingsError
from jobs.standalone.conditions import StageModel
from jobs.standalone.index import Lines, Shares
from jobs.standalone.server import WorkerReport
from jobs.standalone.state import JobState, StateFile, locked, runner_pid
from jobs.status import JobStatus


def state() -> JobState:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    return JobState(
        status=JobStatus(name="dogs", namespace="farm", runner="standalone", started=now),
        base=StageModel(format="ckpt", url="/m/initial.ckpt", metrics={"accuracy": [0.9]}),
        shares=Shares().grown(10, 0.8).evaluated().grown(12, 0.5),
        report=WorkerReport.model_validate(
            {"name": "w", "ownerName": "dogs", "results": [{"x": [1]}]}
        ),
    )


def test_a_state_is_read_as_it_was_saved(tmp_path: Path) -> None:
    saved = StateFile(tmp_path / "state.json", state())
    saved.save()
    assert StateFile.read(tmp_path / "state.json") == saved.state
    assert saved.state.shares.earlier == ((Lines(start=8, stop=10),),)


def test_before_the_first_run_there_is_no_state(tmp_path: Path) -> None:
    assert StateFile.read(tmp_path / "state.json") is None


async def test_everybody_who_waits_learns_of_a_change(tmp_path: Path) -> None:
    store = StateFile(tmp_path / "state.json", state())

    async def wait_for_port(port: int) -> None:
        await store.until(lambda: store.state.port == port)

    waiting = [asyncio.create_task(wait_for_port(port)) for port in (1, 2)]
    for port, task in enumerate(waiting, start=1):
        await asyncio.sleep(0)
        store.state.port = port
        store.save()
        await asyncio.wait_for(task, 5)


async def test_waiting_ends_when_the_time_is_up(tmp_path: Path) -> None:
    store = StateFile(tmp_path / "state.json", state())
    await asyncio.wait_for(store.until(lambda: False, timeout=0.01), 5)


def test_the_holder_of_the_lock_is_known(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert runner_pid(lock) is None
    with locked(lock):
        assert runner_pid(lock) == os.getpid()
        with (
            pytest.raises(SettingsError, match=f"already run by process {os.getpid()}:"),
            locked(lock),
        ):
            pass
        assert runner_pid(lock) == os.getpid()
    assert runner_pid(lock) is None
    with locked(lock):
        assert lock.read_text() == f"{os.getpid()}\n"
