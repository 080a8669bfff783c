"""Decides when training starts and when a model is deployed: Sedna's rules, as pure functions.

The LocalController's rules are followed to the letter, even where they are surprising: values
within 1e-6 are equal, a metric without an index counts as 0, and a number instead of a list never
deploys. Where it would crash (if two models' lists differ in length, say) the decision here is no.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import NormalDist
from typing import TypeGuard

from backend.metrics import Metrics
from jobs.resources.schema import Timer, Trigger, TriggerCondition

__all__ = [
    "NUM_OF_SAMPLES",
    "Decision",
    "decide_deployment",
    "decide_training",
    "holds",
    "list_metrics",
    "seconds_until_open",
    "train_share",
    "window_open",
]

NUM_OF_SAMPLES = "num_of_samples"

_EQUAL_WITHIN = 1e-6
_INDEXED = re.compile(r"(?P<name>[^\[]*)\[(?P<index>\d+)\]")
_DELTA = "_delta"
_BETTER_PROBABILITY = "better_probability[0]"
_WORDS = {"gt": ">", "ge": ">=", "eq": "=", "==": "=", "ne": "!=", "le": "<=", "lt": "<"}
_RESULTS = 2
_DEPLOY, _KEEP = "deploy", "keep the deployed model"
_HALF = 0.5
_FORESEEABLE = 10
"""Times as many samples: what more would show is as uncertain as the lead itself."""


@dataclass(frozen=True)
class Decision:
    """Whether a trigger fires, and a sentence that explains why, with the figures."""

    fires: bool
    reason: str


def train_share(train_prob: float, new: int) -> int:
    """Return how many of ``new`` samples go to training (the first of them), rounded down."""
    return int(train_prob * new)


def holds(operator: str, value: float, threshold: float) -> bool:
    """Return whether ``value operator threshold`` holds; values within 1e-6 are equal."""
    equal = abs(value - threshold) < _EQUAL_WITHIN
    answers = {
        ">": not equal and value > threshold,
        ">=": equal or value >= threshold,
        "=": equal,
        "!=": not equal,
        "<=": equal or value <= threshold,
        "<": not equal and value < threshold,
    }
    return answers[_WORDS.get(operator, operator)]


def window_open(timer: Timer | None, now: datetime) -> bool:
    """Return whether ``now`` is in the window, its first and last minute included.

    A window that starts after it ends wraps midnight; without a timer it is always open.
    """
    if timer is None:
        return True
    minute = f"{now:%H:%M}"
    if timer.start > timer.end:
        return minute >= timer.start or minute <= timer.end
    return timer.start <= minute <= timer.end


def seconds_until_open(timer: Timer | None, now: datetime) -> float:
    """Return the seconds from ``now`` until the window opens: 0 if it is open."""
    if timer is None or window_open(timer, now):
        return 0.0
    hour, minute = map(int, timer.start.split(":"))
    start = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if start <= now:
        start += timedelta(days=1)
    return (start - now).total_seconds()


def decide_training(trigger: Trigger, samples: int, now: datetime) -> Decision:
    """Decide whether to start a round; ``samples`` is the train share since the last one."""
    if not window_open(trigger.timer, now):
        return Decision(fires=False, reason=_closed(trigger, now))
    condition = trigger.condition
    if condition.metric != NUM_OF_SAMPLES:
        return Decision(fires=False, reason=f"{condition.metric} is not a metric of training")
    return _compare(condition, samples, yes="train", no="wait")


def decide_deployment(
    trigger: Trigger, results: Sequence[Mapping[str, object]], now: datetime
) -> Decision:
    """Decide whether to deploy the trained model.

    ``results`` are the metrics of the trained and of the deployed model, in this order. The
    trigger sees each metric of the trained one, and ``<metric>_delta``, the difference.
    """
    if not window_open(trigger.timer, now):
        return Decision(fires=False, reason=_closed(trigger, now))
    try:
        value = _metric(trigger.condition.metric, results)
    except _NotDeployableError as error:
        return Decision(fires=False, reason=str(error))
    if trigger.condition.metric == _BETTER_PROBABILITY:
        return _in_words(trigger.condition, value, results[0].get("compared_samples"))
    return _compare(trigger.condition, value, yes=_DEPLOY, no=_KEEP)


def list_metrics(metrics: Mapping[str, object]) -> Metrics:
    """Return those of a worker's metrics that are lists of numbers, as Sedna requires."""
    return {
        name: [float(v) for v in values] for name, values in metrics.items() if _is_list(values)
    }


class _NotDeployableError(Exception):
    """The results contain no value to compare."""


def _closed(trigger: Trigger, now: datetime) -> str:
    timer = trigger.timer
    window = f"{timer.start} to {timer.end}" if timer else ""
    return f"it is {now:%H:%M}, outside {window}: wait"


def _compare(condition: TriggerCondition, value: float, *, yes: str, no: str) -> Decision:
    fires = holds(condition.operator, value, condition.threshold)
    figures = f"{condition.operator} {condition.threshold:g}"
    if fires:
        return Decision(fires, f"{condition.metric} = {value:.4g} {figures}: {yes}")
    return Decision(fires, f"{condition.metric} = {value:.4g}, not {figures}: {no}")


def _in_words(condition: TriggerCondition, probability: float, samples: object) -> Decision:
    """Decide by the probability that the trained model is the better one."""
    fires = holds(condition.operator, probability, condition.threshold)
    count = samples[0] if _is_list(samples) and samples else 0
    enough = 0 if fires else _samples_for(condition, probability, count)
    needed = f"needs {condition.operator} {100 * condition.threshold:g}%"
    reason = (
        f"better with {probability:.1%} probability{f' on {count:.0f} samples' if count else ''}"
        f" ({needed}): {_DEPLOY if fires else _KEEP}"
        f"{f'; on {enough} samples the same lead would be enough' if enough else ''}"
    )
    return Decision(fires, reason)


def _samples_for(condition: TriggerCondition, probability: float, samples: float) -> int:
    """Return on how many samples the same lead would meet the condition; 0 if that is far off.

    The lead's standard error falls with the square root of the number of samples.
    """
    threshold = condition.threshold
    if not _HALF < probability < threshold < 1 or not holds(condition.operator, 1.0, threshold):
        return 0
    normal = NormalDist()
    growth = (normal.inv_cdf(threshold) / normal.inv_cdf(probability)) ** 2
    return math.ceil(samples * growth) if growth <= _FORESEEABLE else 0


def _metric(metric: str, results: Sequence[Mapping[str, object]]) -> float:
    if len(results) != _RESULTS:
        raise _NotDeployableError(
            f"{len(results)} evaluation results instead of 2, which cannot be compared:"
            " report the trained and the deployed model"
        )
    candidate, deployed = (_all_lists(result) for result in results)
    indexed = _INDEXED.fullmatch(metric)
    if indexed is None:
        return _unindexed(metric, candidate)
    name, index = indexed["name"].strip(), int(indexed["index"])
    if name in candidate:
        return _element(candidate, name, index, "trained")
    name = name.removesuffix(_DELTA)
    return _element(candidate, name, index, "trained") - _element(deployed, name, index, "deployed")


def _all_lists(result: Mapping[str, object]) -> Metrics:
    for name, value in result.items():
        if not _is_list(value):
            raise _NotDeployableError(
                f"the metric {name} is {value!r}, not a list of numbers, and Sedna never deploys"
                f" on that: report [{value}]"
            )
    return list_metrics(result)


def _is_list(value: object) -> TypeGuard[list[float]]:
    return isinstance(value, list) and all(
        isinstance(number, int | float) and not isinstance(number, bool) for number in value
    )


def _unindexed(metric: str, candidate: Metrics) -> float:
    if metric.removesuffix(_DELTA) not in candidate:
        raise _NotDeployableError(_absent(metric, candidate))
    return 0.0


def _element(metrics: Metrics, name: str, index: int, model: str) -> float:
    if name not in metrics:
        raise _NotDeployableError(f"of the {model} model, {_absent(name, metrics)}")
    if index >= len(metrics[name]):
        count = len(metrics[name])
        raise _NotDeployableError(f"of the {model} model, {name} has {count} values, no [{index}]")
    return metrics[name][index]


def _absent(name: str, metrics: Metrics) -> str:
    return f"the metric {name} was not reported, only {', '.join(sorted(metrics)) or 'none'}"
