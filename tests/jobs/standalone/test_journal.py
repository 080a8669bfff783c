from datetime import UTC, datetime, timedelta
from pathlib import Path

from jobs.standalone.conditions import StageModel
from jobs.standalone.journal import Journal
from jobs.standalone.state import JobState, StateFile
from jobs.status import Condition, ConditionType, JobStatus, Outcome, Round, Stage


def test_a_stage_in_which_the_clock_was_set_back_has_not_lasted_less_than_nothing(
    tmp_path: Path,
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    status = JobStatus(
        name="dogs",
        namespace="farm",
        runner="standalone",
        started=later,
        conditions=[Condition(stage=Stage.TRAIN, type=ConditionType.RUNNING, time=later)],
        rounds=[Round(number=1, started=later)],
    )
    state = JobState(status=status, base=StageModel())
    Journal(StateFile(tmp_path / "state.json", state)).end_round(Outcome.FAILED, "why")
    assert state.round.seconds == {Stage.TRAIN: 0}
