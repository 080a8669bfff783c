import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.standalone.processes import alive, last_line, wait_for_end
from jobs.status import JobStatus, WorkerState

NODE = "/srv/node"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
# Waits until its standard input is closed.
WAIT = "import sys; sys.stdin.read()"

texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Z")), min_size=1, max_size=50
)


def status_of(*names: str) -> JobStatus:
    workers = [WorkerState(name=name, kind="train", started=NOW) for name in names]
    return JobStatus(
        name="dogs", namespace="farm", runner="standalone", started=NOW, workers=workers
    )


async def start(name: str, *, own_session: bool = True) -> asyncio.subprocess.Process:
    job = {"WORKER_NAME": name, "JOB_NAME": "dogs", "NAMESPACE": "farm"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", WAIT, stdin=asyncio.subprocess.PIPE,
        env={**os.environ, **job, "DATA_PATH_PREFIX": NODE},
        start_new_session=own_session,
    )  # fmt: skip


async def end(process: asyncio.subprocess.Process) -> None:
    await process.communicate(b"")


async def test_a_worker_is_found_by_its_environment() -> None:
    process = await start("train-worker-alive")
    assert alive(status_of("train-worker-alive", "train-worker-other"), NODE) == {
        "train-worker-alive": process.pid
    }
    await end(process)
    assert alive(status_of("train-worker-alive"), NODE) == {}


async def test_the_workers_of_a_copied_node_are_other_workers() -> None:
    process = await start("train-worker-copied")
    assert alive(status_of("train-worker-copied"), "/srv/copy") == {}
    await end(process)


async def test_what_a_worker_has_started_is_not_the_worker() -> None:
    process = await start("train-worker-child", own_session=False)
    assert alive(status_of("train-worker-child"), NODE) == {}
    await end(process)


async def test_a_process_is_waited_for_without_being_its_parent() -> None:
    process = await start("train-worker-adopt")
    waiting = asyncio.create_task(wait_for_end(process.pid))
    await asyncio.sleep(0)
    assert not waiting.done()
    await end(process)
    await waiting


async def test_a_process_that_has_ended_is_not_waited_for() -> None:
    process = await start("train-worker-ended")
    await end(process)
    await wait_for_end(process.pid)


@given(st.lists(texts, min_size=1), st.sampled_from(["\n", "\r", "\r\n"]), st.booleans())
def test_the_last_line_is_the_last_that_is_not_blank(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], newline: str, blank: bool
) -> None:
    log = tmp_path_factory.mktemp("log") / "worker.log"
    log.write_bytes((newline.join(lines) + (f"{newline} {newline}" if blank else "")).encode())
    assert last_line(log) == lines[-1]


def test_the_last_line_of_a_long_log_is_found(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text("x" * 100_000 + "\nepoch 3\n")
    assert last_line(log) == "epoch 3"


def test_without_output_there_is_no_last_line(tmp_path: Path) -> None:
    (tmp_path / "empty.log").touch()
    assert [last_line(path) for path in (None, tmp_path / "no", tmp_path / "empty.log")] == [""] * 3
