"""From true and predicted classes to shares, with their intervals and chances."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

__all__ = ["Change", "Classes", "Share", "accuracy", "change"]

Classes = NDArray[np.int64]
"""A picture each: the number of its class, true or predicted."""


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

    def __str__(self) -> str:
        """Return percent, and the interval in brackets."""
        low, high = self.interval
        return f"{100 * self.value:.1f} % ({100 * low:.0f} to {100 * high:.0f})"


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


def accuracy(truth: Classes, answers: Classes) -> Share:
    """Return how many of ``answers`` are true."""
    return Share(int((truth == answers).sum()), len(truth))


def change(truth: Classes, before: Classes, after: Classes) -> Change:
    """Compare two models' answers for the same pictures."""
    was_right, is_right = before == truth, after == truth
    return Change(
        gained=int((is_right & ~was_right).sum()),
        lost=int((was_right & ~is_right).sum()),
        whole=len(truth),
    )
