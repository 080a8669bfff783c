"""``python -m bench.decision``: how often each way to compare two models deploys the candidate.

Writes the table of docs/how-to/triggers.md. Two models answer the same samples; of each class
the candidate alone is right on a share ``better`` and the deployed model alone on a share
``worse``. All sides deploy when they are 95 % sure, where they can be.

McNemar, Psychometrika 12, 1947; its mid-p variant, Fagerland, Lydersen and Laake, BMC Medical
Research Methodology 13:91, 2013. Newcombe's paired interval and a Beta(1, 1) posterior decide as
the mid-p variant does, within two points.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from backend.files import write_atomically
from docs.tools.markdown import fill, table
from workers.learning.deciding import better_probability

__all__ = ["METHODS", "SITUATIONS", "Situation", "deployed_share"]

_PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "triggers.md"
_TRIALS = 20_000
_SURE = 0.95
_Z = 1.6449
_ACCURACY = 0.85
"""Of the deployed model."""

Pairs = NDArray[np.int64]
"""(trials, C, 4): how many samples both models get right, the candidate, the other, neither."""
Deploys = Callable[[Pairs], NDArray[np.bool_]]


class Situation(NamedTuple):
    """Two models, and the samples that they are compared on."""

    words: str
    samples: tuple[int, ...]
    """Of each class."""
    better: tuple[float, ...]
    worse: tuple[float, ...]


def _alike(gain: float, differ: float, samples: tuple[int, ...]) -> Situation:
    """Return classes that are all alike: one model alone is right on the share ``differ``."""
    words = "5 points better" if gain else "equal"
    words += f"; {sum(samples)} samples, {len(samples)} classes, {differ:.0%} differ"
    classes = len(samples)
    better, worse = differ / 2 + gain / 2, differ / 2 - gain / 2
    return Situation(words, samples, (better,) * classes, (worse,) * classes)


_FEW, _MANY = (45, 6, 3), (300, 40, 20)
_GAIN = 0.05
_FREQUENT = "frequent class 10 points better, rare ones 5 worse"
SITUATIONS = (
    _alike(0, 0.15, (20,) * 2),
    _alike(0, 0.10, (100,) * 2),
    _alike(0, 0.15, (100,) * 4),
    _alike(0, 0.15, (10,) * 20),
    _alike(0, 0.15, _FEW),
    Situation(f"{_FREQUENT}; 45 + 6 + 3", _FEW, (0.15, 0.05, 0.05), (0.05, 0.10, 0.10)),
    Situation(f"{_FREQUENT}; 300 + 40 + 20", _MANY, (0.15, 0.05, 0.05), (0.05, 0.10, 0.10)),
    _alike(_GAIN, 0.15, (50,) * 2),
    _alike(_GAIN, 0.15, (100,) * 2),
    _alike(_GAIN, 0.10, (100,) * 2),
    _alike(_GAIN, 0.15, (200,) * 2),
    _alike(_GAIN, 0.15, (100,) * 4),
    _alike(_GAIN, 0.15, (40,) * 10),
    Situation(
        "rare classes 10 points better; 300 + 40 + 20",
        _MANY,
        (0.05, 0.15, 0.15),
        (0.05, 0.05, 0.05),
    ),
)


def deployed_share(deploys: Deploys, situation: Situation, trials: int, seed: int = 0) -> float:
    """Return the share of ``trials``, 0 to 1, in which the candidate is deployed."""
    generator = np.random.default_rng(seed)
    of_class = [
        generator.multinomial(
            count, [_ACCURACY - worse, better, worse, 1 - _ACCURACY - better], size=trials
        )
        for count, better, worse in zip(*situation[1:], strict=True)
    ]
    return float(deploys(np.stack(of_class, axis=1)).mean())


def _by_accuracy(pairs: Pairs) -> NDArray[np.bool_]:
    _, better, worse, _ = pairs.sum(axis=1).T
    deploys: NDArray[np.bool_] = (better - worse) / pairs.sum(axis=(1, 2)) > 0.02  # noqa: PLR2004
    return deploys


def _by_exact_test(pairs: Pairs) -> NDArray[np.bool_]:
    _, better, worse, _ = pairs.sum(axis=1).T
    deploys: NDArray[np.bool_] = binom.cdf(better - 1, better + worse, 0.5) > _SURE
    return deploys


def _by_mid_p(pairs: Pairs) -> NDArray[np.bool_]:
    _, better, worse, _ = pairs.sum(axis=1).T
    chance = binom.sf(better, better + worse, 0.5) + binom.pmf(better, better + worse, 0.5) / 2
    deploys: NDArray[np.bool_] = chance < 1 - _SURE
    return deploys


def _by_stratified_wald(pairs: Pairs) -> NDArray[np.bool_]:
    samples = pairs.sum(axis=-1)
    better, worse = pairs[..., 1] / samples, pairs[..., 2] / samples
    variance = ((better + worse - (better - worse) ** 2) / samples).sum(axis=1)
    deploys: NDArray[np.bool_] = (better - worse).sum(axis=1) > _Z * np.sqrt(variance)
    return deploys


def _by_better_probability(pairs: Pairs) -> NDArray[np.bool_]:
    return better_probability(pairs[..., 1], pairs[..., 2], pairs.sum(axis=-1)) > _SURE


METHODS: Mapping[str, Deploys] = {
    "`accuracy_delta` > 0.02": _by_accuracy,
    "exact McNemar": _by_exact_test,
    "mid-p McNemar": _by_mid_p,
    "Wald, by class": _by_stratified_wald,
    "**`better_probability`** > 0.95": _by_better_probability,
}


def _table() -> str:
    rows = [
        [
            situation.words,
            *(f"{deployed_share(each, situation, _TRIALS):.1%}" for each in METHODS.values()),
        ]
        for situation in SITUATIONS
    ]
    return table(["the candidate is …", *METHODS], rows)


if __name__ == "__main__":
    _filled = fill(_PAGE.read_text(encoding="utf-8"), {"decisions": _table})
    write_atomically(_PAGE, _filled.encode())
