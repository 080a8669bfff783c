"""`iljob retry`: rounds that the trigger would not start."""

import pytest

from backend.errors import SettingsError
from jobs.status import JobStatus, Outcome
from tests.jobs.conftest import Job

SECONDS = 30.0


async def run(job: Job, rounds: int) -> JobStatus:
    return await job.runner().run(rounds=rounds, timeout=SECONDS)


@pytest.fixture
def failed(job: Job) -> Job:
    """A job whose first round's training fails; later ones do not."""
    job.append(10)
    job.environment("train", behaviour="fail")
    return job


def fix(job: Job) -> None:
    job.environment("train", behaviour="complete")


async def test_the_next_run_starts_a_round_with_what_a_failed_one_left(failed: Job) -> None:
    await run(failed, 1)
    fix(failed)

    told = failed.runner().retry()
    status = await run(failed, 2)

    assert told == (
        "round 2 starts with the next `iljob run`: 0 new samples, 8 of rounds that trained no model"
    )
    assert [each.outcome for each in status.rounds] == [Outcome.FAILED, Outcome.DEPLOYED]
    assert failed.lines("out/data/train/2/data.txt") == []
    assert failed.lines("out/data/eval/2/data.txt") == ["s8.jpg dog", "s9.jpg dog"]


async def test_a_running_job_starts_it_at_once(failed: Job) -> None:
    told: list[str] = []

    def retry_once(status: JobStatus) -> None:
        if status.rounds_ended == 1 and not told:
            fix(failed)
            told.append(failed.runner().retry())

    status = await failed.runner().run(rounds=2, timeout=SECONDS, on_status=retry_once)

    assert told[0].startswith("round 2 starts: 0 new samples")
    assert len(status.rounds) == 2


async def test_fewer_new_samples_than_the_trigger_wants_are_enough(job: Job) -> None:
    job.append(10)
    await run(job, 1)
    job.append(3, "late-")

    assert "2 new samples, 0 of rounds" in job.runner().retry()
    status = await run(job, 2)

    assert job.lines("out/data/train/2/data.txt") == ["late-0.jpg dog", "late-1.jpg dog"]
    assert status.rounds[1].outcome is Outcome.DEPLOYED


async def test_a_round_is_asked_for_once(failed: Job) -> None:
    await run(failed, 1)
    fix(failed)
    failed.runner().retry()
    await run(failed, 2)

    with pytest.raises(TimeoutError):
        await failed.runner().run(rounds=3, timeout=0.5)

    assert failed.runner().status().rounds_ended == 2


async def test_without_a_sample_to_train_on_it_is_refused(job: Job) -> None:
    job.append(10)
    await run(job, 1)

    with pytest.raises(SettingsError, match="every sample has been trained on: append more"):
        job.runner().retry()


def test_a_job_that_never_ran_has_nothing_to_retry(job: Job) -> None:
    with pytest.raises(SettingsError, match="never ran here"):
        job.runner().retry()
