import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.kubernetes.rounds import rounds_of
from jobs.resources.schema import Trigger
from jobs.status import Condition, ConditionType, Outcome, Stage
from tests.jobs.conftest import WHOLE_ROUND

START = datetime(2026, 11, 22, tzinfo=UTC)
CONDITION = {"operator": ">", "threshold": 0.02, "metric": "accuracy_delta[0]"}
TRIGGER = Trigger.model_validate({"condition": CONDITION})
TIMER = {"start": "01:00", "end": "01:01"}
REJECTED = [*WHOLE_ROUND[: WHOLE_ROUND.index("Deploy Ready")], "Deploy Completed"]


def conditions(
    steps: Sequence[str], candidate: object = (0.9,), deployed: object = (0.6,)
) -> list[Condition]:
    """Return a condition a second; Eval Completed carries the accuracies."""
    results = [{"metrics": {"accuracy": accuracy}} for accuracy in (candidate, deployed)]
    data = json.dumps({"output": {"models": results}})
    return [
        Condition(
            stage=Stage(step.split()[0]),
            type=ConditionType(step.split()[1]),
            time=START + timedelta(seconds=second),
            data=data if step == "Eval Completed" else "",
        )
        for second, step in enumerate(steps)
    ]


def test_a_job_that_waits_has_no_round() -> None:
    assert rounds_of(conditions(["Train Waiting"]), TRIGGER) == []


def test_a_deployed_round_tells_its_figures_and_times() -> None:
    [round_] = rounds_of(conditions(WHOLE_ROUND), TRIGGER)
    assert (round_.outcome, round_.number) == (Outcome.DEPLOYED, 1)
    assert round_.reason == "accuracy_delta[0] = 0.3 > 0.02: deploy"
    assert round_.candidate_metrics == {"accuracy": [0.9]}
    assert round_.deployed_metrics == {"accuracy": [0.6]}
    assert round_.seconds == {Stage.TRAIN: 3, Stage.EVAL: 4, Stage.DEPLOY: 4}
    assert round_.started == START + timedelta(seconds=1)
    assert round_.ended == START + timedelta(seconds=len(WHOLE_ROUND) - 1)


def test_without_a_deployment_a_round_is_rejected() -> None:
    [round_] = rounds_of(conditions(REJECTED, candidate=(0.61,)), TRIGGER)
    assert round_.outcome is Outcome.REJECTED
    assert round_.reason == "accuracy_delta[0] = 0.01, not > 0.02: keep the deployed model"


def test_a_decision_that_the_figures_do_not_explain_is_the_controllers() -> None:
    [round_] = rounds_of(conditions(REJECTED), TRIGGER)
    assert round_.outcome is Outcome.REJECTED
    assert round_.reason.startswith("the LocalController decided so; the trigger is accuracy_delta")


def test_the_hours_of_a_trigger_do_not_spoil_the_reason() -> None:
    trigger = TRIGGER.model_validate({"condition": CONDITION, "timer": TIMER})
    [round_] = rounds_of(conditions(WHOLE_ROUND), trigger)
    assert round_.reason == "accuracy_delta[0] = 0.3 > 0.02: deploy"


@pytest.mark.parametrize("stage", list(Stage))
def test_a_failed_stage_ends_the_round(stage: Stage) -> None:
    steps = WHOLE_ROUND[: WHOLE_ROUND.index(f"{stage} Running") + 1]
    after = ["Train Waiting", "Train Ready"]
    first, second = rounds_of(conditions([*steps, f"{stage} Failed", *after]), TRIGGER)
    assert first.outcome is Outcome.FAILED
    assert f"the {stage} stage failed" in first.reason
    assert stage in first.seconds
    assert (second.number, second.outcome) == (2, Outcome.RUNNING)


def test_conditions_that_are_there_twice_count_once() -> None:
    twice = [step for step in WHOLE_ROUND for _ in range(2)]
    once, doubled = (rounds_of(conditions(steps), TRIGGER) for steps in (WHOLE_ROUND, twice))
    assert len(doubled) == 1
    assert doubled[0].outcome is once[0].outcome
    assert doubled[0].candidate_metrics == once[0].candidate_metrics


def test_a_round_whose_end_is_lost_has_failed_when_the_next_begins() -> None:
    steps = WHOLE_ROUND[: WHOLE_ROUND.index("Eval Running")]
    first, second = rounds_of(conditions([*steps, *WHOLE_ROUND[1:]]), TRIGGER)
    assert first.outcome is Outcome.FAILED
    assert "does not say how the round ended" in first.reason
    assert second.outcome is Outcome.DEPLOYED


@pytest.mark.parametrize("data", ["", "{}", "not JSON", "[]", '{"output": {}}'])
def test_a_lost_report_is_no_error(data: str) -> None:
    history = conditions(WHOLE_ROUND)
    lost = [each.model_copy(update={"data": data}) for each in history]
    [round_] = rounds_of(lost, TRIGGER)
    assert (round_.outcome, round_.candidate_metrics) == (Outcome.DEPLOYED, {})


@given(
    st.lists(
        st.tuples(st.sampled_from(list(Stage)), st.sampled_from(list(ConditionType))), max_size=40
    )
)
def test_whatever_the_status_says_only_the_newest_round_is_open(
    steps: list[tuple[Stage, ConditionType]],
) -> None:
    history = conditions([f"{stage} {type_}" for stage, type_ in steps])
    rounds = rounds_of(history, TRIGGER)
    assert [round_.number for round_ in rounds] == list(range(1, len(rounds) + 1))
    assert all(round_.ended for round_ in rounds[:-1])
    for earlier, later in pairwise(rounds):
        assert earlier.ended
        assert earlier.ended <= later.started
