"""Which of two models is better, told from their answers to the same samples.

Only the samples that divide the models tell which is better (McNemar, "Note on the sampling
error of the difference between correlated proportions or percentages", Psychometrika 12, 1947).
Of a class let b samples be right with one model alone, w with the other alone, n in all. The gain
in balanced accuracy is the mean over the classes of (b - w) / n. Its variance, were neither model
better, is the mean of the shares of samples that divide the models, each over n, over the number
of classes C; each share is estimated with a Dirichlet prior of 1/sqrt(C) for better, worse and
the rest, so that a class with few samples leaves doubt instead of none. The gain over the square
root is taken as normal; for one class and no prior that is McNemar's statistic.

Why this method: ``python -m bench.decision`` compares it with others, and writes the table of
docs/how-to/triggers.md.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.metrics import Metrics
from workers.data.index_file import Sample

__all__ = ["Answered", "better_probability", "decision_metrics", "gain_interval", "outcomes"]

_PAIR = 2
_TINY = np.finfo(np.float64).tiny
_below = np.vectorize(NormalDist().cdf, otypes=[np.float64])


class Answered(NamedTuple):
    """The outcome of one sample."""

    label: int
    """The sample's class number."""
    is_right: bool
    """Whether the model gave it that class."""


def outcomes(samples: Sequence[Sample], answers: Sequence[float]) -> dict[str, Answered]:
    """Return the outcome of each sample that was read, by path.

    ``answers`` are the class numbers that a model gives the samples, below 0 for one that was not
    read.
    """
    return {
        sample.path: Answered(sample.label, is_right=answer == sample.label)
        for sample, answer in zip(samples, answers, strict=True)
        if answer >= 0
    }


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
    counts = np.maximum(samples, 1)
    prior = 1 / np.sqrt(np.maximum(is_judged.sum(axis=-1, keepdims=True), 1))
    gain = (better - worse) / counts
    variance = (better + worse + 2 * prior) / (counts + 3 * prior) / counts
    deviation = np.sqrt(np.where(is_judged, variance, 0).sum(axis=-1))
    probability: NDArray[np.float64] = _below(gain.sum(axis=-1) / np.maximum(deviation, _TINY))
    return probability


def gain_interval(both: int, better: int, worse: int, neither: int) -> tuple[float, float]:
    """Return the 95 % interval of a gain in accuracy, both ends from -1 to 1.

    Newcombe, "Improved confidence intervals for the difference between binomial proportions based
    on paired data", Statistics in Medicine 17, 1998, method 10.

    Args:
        both: How many samples both models get right.
        better: How many the one alone gets right, whose gain it is.
        worse: How many the other model alone gets right.
        neither: How many neither gets right; of all four, at least one sample.
    """
    samples = both + better + worse + neither
    shares = (both + better) / samples, (both + worse) / samples
    (low, high), (low_other, high_other) = (_wilson(share, samples) for share in shares)
    product = both * neither - better * worse
    margins = (both + better) * (worse + neither) * (both + worse) * (better + neither)
    corrected = max(product - samples / 2, 0) if product > 0 else product
    correlation = corrected / math.sqrt(margins) if margins else 0

    def width(x: float, y: float) -> float:
        return math.sqrt(max(x**2 - 2 * correlation * x * y + y**2, 0))

    gain = shares[0] - shares[1]
    return (
        gain - width(shares[0] - low, high_other - shares[1]),
        gain + width(shares[1] - low_other, high - shares[0]),
    )


def _wilson(share: float, samples: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, "Probable Inference", JASA 22, 1927)."""
    z = NormalDist().inv_cdf(0.975)
    middle = share + z**2 / (2 * samples)
    half = z * math.sqrt(share * (1 - share) / samples + z**2 / (4 * samples**2))
    shrink = 1 + z**2 / samples
    return (middle - half) / shrink, (middle + half) / shrink


def decision_metrics(answers: Sequence[Mapping[str, Answered]]) -> list[Metrics]:
    """Judge models by their answers to the samples, by path, that all of them were asked.

    Of each model, as lists of one value: ``balanced_accuracy``, the mean of the classes' recalls;
    ``worst_recall``, the lowest; ``compared_samples``, how many there are; and of two models
    ``better_probability``, that it is the better one of the two. Classes without a sample do not
    count. Without any sample there is nothing of any model.
    """
    shared = set.intersection(*map(set, answers))
    if not shared:
        return [{} for _ in answers]
    labels = np.array([answers[0][path].label for path in shared])
    right = [np.array([each[path].is_right for path in shared]) for each in answers]
    samples = np.bincount(labels)
    metrics = [_recall_metrics(labels[each], samples) for each in right]
    if len(answers) == _PAIR:
        alone = [
            np.bincount(labels[a & ~b], minlength=len(samples)) for a, b in (right, right[::-1])
        ]
        probability = float(better_probability(alone[0], alone[1], samples))
        metrics[0]["better_probability"] = [probability]
        metrics[1]["better_probability"] = [1 - probability]
    return metrics


def _recall_metrics(hits: NDArray[np.int64], samples: NDArray[np.int64]) -> Metrics:
    """Return the metrics of the labels ``hits`` that were recognised of so many samples a class."""
    present = samples > 0
    recalls = np.bincount(hits, minlength=len(samples))[present] / samples[present]
    return {
        "balanced_accuracy": [float(recalls.mean())],
        "worst_recall": [float(recalls.min())],
        "compared_samples": [float(samples.sum())],
    }
