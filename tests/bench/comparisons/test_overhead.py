"""What of a round lies outside its workers."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bench.comparisons.overhead import outside, seconds_outside_workers
from jobs.status import Condition, ConditionType, JobStatus, Outcome, Round, Stage, WorkerState

START = datetime(2026, 1, 2, tzinfo=UTC)
LENGTH = 60
PARTS = st.lists(st.tuples(st.integers(-20, 80), st.integers(0, 40)), max_size=6)


def _at(second: float) -> datetime:
    return START + timedelta(seconds=second)


@given(PARTS)
def test_each_second_outside_all_parts_counts_once(parts: list[tuple[int, int]]) -> None:
    covered = {each for began, length in parts for each in range(began, began + length)}
    intervals = [(_at(began), _at(began + length)) for began, length in parts]

    seconds = outside((_at(0), _at(LENGTH)), intervals)

    assert seconds == sum(each not in covered for each in range(LENGTH))


def test_loading_the_new_model_is_the_inference_workers_time() -> None:
    status = JobStatus(
        name="job",
        namespace="default",
        runner="standalone",
        started=_at(-9),
        rounds=[Round(number=1, started=_at(0), ended=_at(20), outcome=Outcome.DEPLOYED)],
        workers=[
            WorkerState(name="i", kind="infer", started=_at(-9)),
            WorkerState(name="t", kind="train", started=_at(0.25), ended=_at(10)),
            WorkerState(name="e", kind="eval", started=_at(9.5), ended=_at(15)),
        ],
        conditions=[
            Condition(stage=Stage.DEPLOY, type=ConditionType.READY, time=_at(15.25)),
            Condition(stage=Stage.DEPLOY, type=ConditionType.RUNNING, time=_at(15.5)),
        ],
    )

    assert seconds_outside_workers(status) == 0.75
