import re
from datetime import UTC, datetime, timedelta
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jobs.resources.schema import Timer, Trigger
from jobs.triggers import (
    decide_deployment,
    decide_training,
    holds,
    list_metrics,
    seconds_until_open,
    train_share,
    window_open,
)
from workers.learning.deciding import better_probability

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

figures = st.floats(min_value=-1e6, max_value=1e6)
minutes = st.integers(min_value=0, max_value=24 * 60 - 1)
moments = st.integers(0, 10**9).map(lambda seconds: NOON + timedelta(seconds=seconds))


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def timer(start: str, end: str) -> Timer:
    return Timer.model_validate({"start": start, "end": end})


def trigger(operator: str, threshold: float, metric: str, **other: object) -> Trigger:
    condition = {"operator": operator, "threshold": threshold, "metric": metric}
    return Trigger.model_validate({"condition": condition, **other})


def deploys(metric: str, *results: dict[str, Any], operator: str = ">", than: float = 0.0) -> bool:
    return decide_deployment(trigger(operator, than, metric), results, NOON).fires


@given(st.floats(min_value=0, max_value=1), st.integers(min_value=0, max_value=10**6))
def test_the_train_share_is_rounded_down(train_prob: float, new: int) -> None:
    share = train_share(train_prob, new)
    assert 0 <= share <= new
    assert share <= train_prob * new < share + 1


@given(figures, figures)
def test_exactly_one_of_less_equal_and_greater_holds(value: float, threshold: float) -> None:
    assert [holds(word, value, threshold) for word in ("<", "=", ">")].count(True) == 1


@given(figures, figures)
def test_operators_come_in_opposite_pairs(value: float, threshold: float) -> None:
    for one, other in (("<", ">="), (">", "<="), ("=", "!=")):
        assert holds(one, value, threshold) is not holds(other, value, threshold)


@given(figures, figures)
def test_words_mean_what_signs_mean(value: float, threshold: float) -> None:
    pairs = ((">", "gt"), (">=", "ge"), ("=", "eq"), ("==", "eq"), ("!=", "ne"), ("<=", "le"))
    for sign, word in (*pairs, ("<", "lt")):
        assert holds(sign, value, threshold) is holds(word, value, threshold)


@given(st.floats(min_value=-1, max_value=1), st.floats(min_value=-9e-7, max_value=9e-7))
def test_equality_is_within_a_millionth(value: float, difference: float) -> None:
    assert holds("=", value + difference, value)
    assert not holds(">", value + difference, value)
    assert not holds("=", value + 1.1e-6, value)


@given(minutes, minutes, moments)
def test_a_window_is_open_from_its_first_to_its_last_minute(
    start: int, end: int, now: datetime
) -> None:
    last = end if start <= end else end + 24 * 60
    inside = {minute % (24 * 60) for minute in range(start, last + 1)}
    assert window_open(timer(clock(start), clock(end)), now) is (
        now.hour * 60 + now.minute in inside
    )


@given(minutes, minutes, moments)
def test_a_closed_window_opens_when_it_is_said_to(start: int, end: int, now: datetime) -> None:
    window = timer(clock(start), clock(end))
    seconds = seconds_until_open(window, now)
    assert 0 <= seconds <= 24 * 3600
    assert (seconds == 0) is window_open(window, now)
    assert window_open(window, now + timedelta(seconds=seconds))


def test_without_a_timer_the_window_is_always_open() -> None:
    assert window_open(None, NOON)
    assert seconds_until_open(None, NOON) == 0


@pytest.mark.parametrize(("samples", "fires"), [(3, False), (4, True), (5, True)])
def test_training_starts_with_enough_samples(samples: int, fires: bool) -> None:
    decision = decide_training(trigger(">=", 4, "num_of_samples"), samples, NOON)
    assert decision.fires is fires


def test_a_decision_says_why() -> None:
    results = [{"accuracy": [0.81]}, {"accuracy": [0.6]}]
    yes = decide_deployment(trigger(">", 0.02, "accuracy_delta[0]"), results, NOON)
    no = decide_deployment(trigger(">", 0.5, "accuracy_delta[0]"), results, NOON)
    assert yes.reason == "accuracy_delta[0] = 0.21 > 0.02: deploy"
    assert no.reason == "accuracy_delta[0] = 0.21, not > 0.5: keep the deployed model"


def test_training_waits_for_its_hours() -> None:
    timed = trigger(">=", 4, "num_of_samples", timer={"start": "20:00", "end": "06:00"})
    decision = decide_training(timed, 100, NOON)
    assert not decision.fires
    assert decision.reason == "it is 12:00, outside 20:00 to 06:00: wait"
    assert decide_training(timed, 100, NOON + timedelta(hours=9)).fires


def test_a_model_is_deployed_within_the_hours_only() -> None:
    timed = trigger(">", 0, "accuracy_delta[0]", timer={"start": "20:00", "end": "06:00"})
    results = [{"accuracy": [0.9]}, {"accuracy": [0.6]}]
    assert not decide_deployment(timed, results, NOON).fires


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (0.973, "better with 97.3% probability on 214 samples (needs > 95%): deploy"),
        (
            0.9,
            "better with 90.0% probability on 214 samples (needs > 95%): keep the deployed model; "
            "on 353 samples the same lead would be enough",
        ),
        (
            0.3,
            "better with 30.0% probability on 214 samples (needs > 95%): keep the deployed model",
        ),
    ],
)
def test_the_probability_that_the_candidate_is_better_is_said_in_words(
    value: float, reason: str
) -> None:
    results = [
        {"better_probability": [each], "compared_samples": [214.0]} for each in (value, 1 - value)
    ]
    decision = decide_deployment(trigger(">", 0.95, "better_probability[0]"), results, NOON)

    assert decision.reason == reason


@given(st.integers(2, 20), st.integers(0, 40), st.integers(100, 400), st.floats(1.1, 4))
def test_a_rejected_lead_on_as_many_samples_as_it_says_is_deployed(
    lead: int, worse: int, samples: int, growth: float
) -> None:
    counts = np.array([[worse + lead], [worse], [samples]], np.float64)
    probability = float(better_probability(*counts))
    normal = NormalDist()
    threshold = min(normal.cdf(normal.inv_cdf(probability) * growth**0.5), 0.999)
    assume(threshold > probability)
    results = [
        {"better_probability": [each], "compared_samples": [float(samples)]}
        for each in (probability, 1 - probability)
    ]
    deploy = trigger(">", threshold, "better_probability[0]")
    said = re.search(
        r"on (\d+) samples the same lead", decide_deployment(deploy, results, NOON).reason
    )
    assert said
    # Not exactly: the prior weighs less on more samples.
    assert float(better_probability(*(counts * int(said[1]) / samples))) > threshold - 0.01


@pytest.mark.parametrize(
    ("operator", "value", "threshold"),
    [(">", 0.97, 0.95), (">", 0.3, 0.95), (">", 0.51, 0.95), ("<", 0.9, 0.5), (">", 0.9, 1)],
)
def test_no_number_of_samples_is_promised_where_none_follows(
    operator: str, value: float, threshold: float
) -> None:
    results = [
        {"better_probability": [each], "compared_samples": [214.0]} for each in (value, 1 - value)
    ]
    decision = decide_deployment(
        trigger(operator, threshold, "better_probability[0]"), results, NOON
    )
    assert "enough" not in decision.reason


lists = st.lists(st.floats(min_value=0, max_value=1), min_size=1, max_size=4)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=4), st.data())
def test_a_delta_is_candidate_minus_deployed(
    pairs: list[tuple[float, float]], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(pairs) - 1))
    candidate, deployed = ([pair[side] for pair in pairs] for side in (0, 1))
    expected = holds(">", candidate[index] - deployed[index], 0.1)
    metric = f"recall_delta[{index}]"
    assert deploys(metric, {"recall": candidate}, {"recall": deployed}, than=0.1) is expected


@given(lists)
def test_a_metric_itself_is_the_candidates(values: list[float]) -> None:
    assert deploys("f1[0]", {"f1": values}, {"f1": [9.0]}, operator="=", than=values[0])


def test_an_unindexed_metric_counts_as_zero() -> None:
    results = ({"accuracy": [0.9]}, {"accuracy": [0.1]})
    assert not deploys("accuracy_delta", *results, operator=">", than=0.1)
    assert deploys("accuracy_delta", *results, operator=">=", than=0.0)


@pytest.mark.parametrize("scalar", [0.9, "0.9", True, None, [True], {"a": 1.0}])
@pytest.mark.parametrize("side", [0, 1])
def test_one_metric_that_is_no_list_prevents_deployment(scalar: object, side: int) -> None:
    results: list[dict[str, Any]] = [{"accuracy": [0.9]}, {"accuracy": [0.1]}]
    results[side]["loss"] = scalar
    decision = decide_deployment(trigger(">", 0, "accuracy_delta[0]"), results, NOON)
    assert not decision.fires
    assert "loss" in decision.reason
    assert "not a list of numbers" in decision.reason


@pytest.mark.parametrize("count", [0, 1, 3])
def test_other_than_two_results_deploy_nothing(count: int) -> None:
    results = [{"accuracy": [0.9]}] * count
    decision = decide_deployment(trigger(">=", 0, "accuracy[0]"), results, NOON)
    assert not decision.fires
    assert decision.reason.startswith(f"{count} evaluation results")


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ("recall[0]", "of the trained model, the metric recall was not reported, only accuracy"),
        ("accuracy[1]", "of the trained model, accuracy has 1 values, no [1]"),
        ("accuracy_delta[0]", "of the deployed model, the metric accuracy was not reported"),
    ],
)
def test_what_was_not_reported_deploys_nothing(metric: str, reason: str) -> None:
    results: list[dict[str, Any]] = [{"accuracy": [0.9]}, {"f1": []}]
    decision = decide_deployment(trigger(">=", -9, metric), results, NOON)
    assert not decision.fires
    assert decision.reason.startswith(reason)


def test_only_lists_of_numbers_are_kept_as_metrics() -> None:
    metrics = {"accuracy": [1, 0.5], "loss": 0.3, "flags": [True], "names": ["a"], "none": []}
    assert list_metrics(metrics) == {"accuracy": [1.0, 0.5], "none": []}
