"""Which of two models is better, told from their answers to the same samples.

Only the samples that divide the models tell which is better (McNemar, "Note on the sampling
error of the difference between correlated proportions or percentages", Psychometrika 12, 1947).
Of class c let b samples be right with one model alone, w with the other alone, n in all. The
gain in balanced accuracy is the mean over the classes of (b - w) / n. Each class's shares of b,
w and the rest have a Dirichlet prior of 1/sqrt(C) each, C being the number of classes, so that
a class with few samples leaves doubt instead of none. The gain divided by the standard deviation
that it would have if neither model were better is taken as normal; for one class and no prior
that is McNemar's statistic.

Why this method: ``python -m bench.decision`` compares it with others, and writes the table of
docs/how-to/triggers.md.
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from workers.contract import Metrics

__all__ = ["better_probability", "decision_metrics"]

_PAIR = 2
_below = np.vectorize(NormalDist().cdf, otypes=[np.float64])


def better_probability(
    better: NDArray[np.int64], worse: NDArray[np.int64], samples: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the probability (...), 0 to 1, that a model has the higher balanced accuracy.

    Args:
        better: (..., C), how many samples of each class this model alone gets right.
        worse: (..., C), how many the other model alone gets right.
        samples: (..., C), how many there are; a class without any does not count.

    It is 1/2 where the gain is 0, and with the models exchanged it is one minus itself.
    """
    is_judged = samples > 0
    prior = 1 / np.sqrt(np.maximum(is_judged.sum(axis=-1, keepdims=True), 1))
    total = samples + 3 * prior
    gain = np.where(is_judged, (better - worse) / total, 0).sum(axis=-1)
    divided = (better + worse + 2 * prior) / total
    variance = np.where(is_judged, divided / (total + 1), 0).sum(axis=-1)
    probability: NDArray[np.float64] = _below(gain / np.sqrt(np.where(variance > 0, variance, 1)))
    return probability


def decision_metrics(
    labels: NDArray[np.int64], right: Sequence[NDArray[np.bool_]]
) -> list[Metrics]:
    """Judge models by whether each is ``right`` (N,) on samples of the classes ``labels`` (N,).

    Of each model, as lists of one value: ``balanced_accuracy``, the mean of the classes' recalls;
    ``worst_recall``, the lowest; ``compared_samples``, N; and of two models
    ``better_probability``, that it is the better one of the two. Classes without a sample do not
    count. Nothing is returned of any model if N = 0.
    """
    if not len(labels):
        return [{} for _ in right]
    samples = np.bincount(labels)
    present = np.flatnonzero(samples)
    hits = [np.bincount(labels, each, len(samples))[present] for each in right]
    metrics: list[Metrics] = []
    for recalls in (counts / samples[present] for counts in hits):
        metrics.append(
            {
                "balanced_accuracy": [float(recalls.mean())],
                "worst_recall": [float(recalls.min())],
                "compared_samples": [float(len(labels))],
            }
        )
    if len(right) == _PAIR:
        alone = [np.bincount(labels, a & ~b, len(samples)) for a, b in (right, right[::-1])]
        probability = float(better_probability(alone[0], alone[1], samples))
        metrics[0]["better_probability"] = [probability]
        metrics[1]["better_probability"] = [1 - probability]
    return metrics
