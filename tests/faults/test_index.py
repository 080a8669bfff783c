"""An index that shrinks, is replaced, or grows while a job reads it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.dataset import append_samples
from jobs.standalone import stages
from jobs.status import JobStatus, Outcome
from tests.jobs.conftest import Job

SECONDS = 60.0


def once_training(do: Callable[[], object]) -> Callable[[JobStatus], None]:
    """Return a callback that does something once, when the first round has begun."""
    left = [do]

    def on_status(status: JobStatus) -> None:
        if status.rounds and left:
            left.pop()()

    return on_status


async def test_an_index_that_is_written_again_in_place_is_waited_for(job: Job) -> None:
    lines = job.append(10)
    index = job.node("data/index.txt")
    whole = index.read_bytes()
    loop = asyncio.get_running_loop()

    def rewrite() -> None:
        index.write_bytes(whole[:20])
        loop.call_later(1, index.write_bytes, whole)

    status = await job.runner().run(rounds=1, timeout=SECONDS, on_status=once_training(rewrite))
    assert status.rounds[0].outcome is Outcome.DEPLOYED
    assert job.lines("out/data/eval/1/data.txt") == lines[8:]


async def test_an_index_that_stays_shorter_fails_the_round_and_says_so(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "_SECONDS_TO_REWRITE", 0.1)
    job.append(10)
    index = job.node("data/index.txt")
    shorten = once_training(lambda: index.write_bytes(index.read_bytes()[:20]))
    status = await job.runner().run(rounds=1, timeout=SECONDS, on_status=shorten)
    assert status.rounds[0].outcome is Outcome.FAILED
    assert "only ever append" in status.rounds[0].reason


async def test_an_index_that_is_replaced_by_a_longer_one_gives_its_new_lines(
    job: Job, tmp_path: Path
) -> None:
    first = job.append(5)
    picture = tmp_path / "new.jpg"
    picture.write_bytes(b"a picture")

    def replace() -> None:
        append_samples(job.node("data/index.txt"), [(picture, "dog")] * 5)

    status = await job.runner().run(rounds=2, timeout=SECONDS, on_status=once_training(replace))
    assert [each.outcome for each in status.rounds] == [Outcome.DEPLOYED] * 2
    assert job.lines("out/data/train/1/data.txt") == first[:4]
    assert job.lines("out/data/train/2/data.txt") == ["pictures/new.jpg dog"] * 4


async def test_a_line_that_is_still_being_written_waits_for_its_end(job: Job) -> None:
    index = job.node("data/index.txt")
    job.append(5)
    with index.open("a") as file:
        file.write("half a")

    def complete() -> None:
        with index.open("a") as file:
            file.write("nd whole dog\n" + "more.jpg dog\n" * 4)

    status = await job.runner().run(rounds=2, timeout=SECONDS, on_status=once_training(complete))
    assert [each.train_samples for each in status.rounds] == [4, 4]
    assert job.lines("out/data/train/2/data.txt")[0] == "half and whole dog"
