"""From classes, true and predicted, to shares with their intervals.

Classes are strings of digits, one a picture: see `demo.usecase.results`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from backend.classifier import metrics

__all__ = ["Change", "Share", "accuracy", "change", "confusion_matrix", "precision", "recall"]


@dataclass(frozen=True)
class Share:
    """``part`` of ``whole`` pictures; of none, the share is 0 and anything is possible."""

    part: int
    whole: int

    @property
    def value(self) -> float:
        """The share, 0 to 1."""
        return self.part / self.whole if self.whole else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval, 0 to 1 (Wilson, "Probable Inference", JASA 1927)."""
        if not self.whole:
            return 0.0, 1.0
        bounds = binomtest(self.part, self.whole).proportion_ci(0.95, "wilson")
        return float(bounds.low), float(bounds.high)


@dataclass(frozen=True)
class Change:
    """Two models on the same pictures."""

    gained: int
    """Pictures that only the second model gets right."""
    lost: int
    """Pictures that only the first one gets right."""
    whole: int

    @property
    def value(self) -> float:
        """The second model's accuracy minus the first one's, -1 to 1."""
        return (self.gained - self.lost) / self.whole if self.whole else 0.0

    @property
    def chance(self) -> float:
        """The probability of a difference this large, either way, between equally good models.

        McNemar's test, exact: the pictures that one of the two gets right fall to either with
        probability 1/2 (McNemar, Psychometrika 1947).
        """
        either = self.gained + self.lost
        return float(binomtest(self.gained, either).pvalue) if either else 1.0


def accuracy(truth: str, answers: str) -> Share:
    """Return how many of ``answers`` are the truth."""
    return Share(sum(map(str.__eq__, truth, answers)), len(truth))


def change(truth: str, before: str, after: str) -> Change:
    """Compare two models' answers for the same pictures."""
    triples = list(zip(truth, before, after, strict=True))
    return Change(
        gained=sum(old != true == new for true, old, new in triples),
        lost=sum(old == true != new for true, old, new in triples),
        whole=len(triples),
    )


def confusion_matrix(truth: str, answers: str, class_count: int) -> NDArray[np.int64]:
    """Count (class_count, class_count) pairs of true class (row) and predicted class (column)."""
    return metrics.confusion_matrix(_numbers(truth), _numbers(answers), class_count)


def precision(matrix: NDArray[np.int64]) -> list[Share]:
    """Return for each class how much of what was taken for it is it."""
    return _shares(matrix.diagonal(), matrix.sum(axis=0))


def recall(matrix: NDArray[np.int64]) -> list[Share]:
    """Return for each class how much of it was found."""
    return _shares(matrix.diagonal(), matrix.sum(axis=1))


def _shares(parts: NDArray[np.int64], wholes: NDArray[np.int64]) -> list[Share]:
    return [Share(int(part), int(whole)) for part, whole in zip(parts, wholes, strict=True)]


def _numbers(digits: str) -> NDArray[np.int64]:
    return np.array([int(digit) for digit in digits], dtype=np.int64)
