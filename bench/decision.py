"""``python -m bench.decision``: how often each way to compare two models deploys the candidate.

Writes the table of docs/how-to/triggers.md. Two models answer the same samples; of each class
the candidate alone is right on a share ``better`` and the deployed model alone on a share
``worse``. All sides deploy when they are 95 % sure, where they can be.

McNemar, Psychometrika 12, 1947; its mid-p variant, Fagerland, Lydersen and Laake, BMC Medical
Research Methodology 13:91, 2013; the paired interval, Newcombe, Statistics in Medicine 17, 1998,
method 10.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom

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
Floats = NDArray[np.float64]
Deploys = Callable[[Pairs], NDArray[np.bool_]]


class Situation(NamedTuple):
    """Two models, and the samples that they are compared on."""

    words: str
    samples: tuple[int, ...]
    """Of each class."""
    better: tuple[float, ...]
    worse: tuple[float, ...]


def _all_alike(words: str, samples: tuple[int, ...], better: float, worse: float) -> Situation:
    return Situation(words, samples, (better,) * len(samples), (worse,) * len(samples))


_FEW, _MANY = (45, 6, 3), (300, 40, 20)
SITUATIONS = (
    *(
        _all_alike(f"equal; {sum(n)} samples, {len(n)} classes, {d:.0%} differ", n, d / 2, d / 2)
        for n, d in [
            ((20,) * 2, 0.15),
            ((100,) * 2, 0.10),
            ((100,) * 4, 0.15),
            ((10,) * 20, 0.15),
            (_FEW, 0.15),
        ]
    ),
    *(
        Situation(
            f"frequent class 10 points better, rare ones 5 worse; {' + '.join(map(str, n))}",
            n,
            (0.15, 0.05, 0.05),
            (0.05, 0.10, 0.10),
        )
        for n in (_FEW, _MANY)
    ),
    *(
        _all_alike(
            f"5 points better; {sum(n)} samples, {len(n)} classes, {d:.0%} differ",
            n,
            d / 2 + 0.025,
            d / 2 - 0.025,
        )
        for n, d in [
            ((50,) * 2, 0.15),
            ((100,) * 2, 0.15),
            ((100,) * 2, 0.10),
            ((200,) * 2, 0.15),
            ((100,) * 4, 0.15),
            ((40,) * 10, 0.15),
        ]
    ),
    Situation(
        f"rare classes 10 points better; {' + '.join(map(str, _MANY))}",
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


def _counts(pairs: Pairs) -> tuple[Any, Any, Any]:
    """Return how many samples are better, worse and in all, whatever their class."""
    cells = pairs.sum(axis=1)
    return cells[:, 1], cells[:, 2], cells.sum(axis=1)


def _by_accuracy(pairs: Pairs) -> NDArray[np.bool_]:
    better, worse, samples = _counts(pairs)
    deploys: NDArray[np.bool_] = (better - worse) / samples > 0.02  # noqa: PLR2004
    return deploys


def _by_exact_test(pairs: Pairs) -> NDArray[np.bool_]:
    better, worse, _ = _counts(pairs)
    deploys: NDArray[np.bool_] = binom.cdf(better - 1, better + worse, 0.5) > _SURE
    return deploys


def _by_mid_p(pairs: Pairs) -> NDArray[np.bool_]:
    better, worse, _ = _counts(pairs)
    divided = better + worse
    chance = binom.sf(better, divided, 0.5) + binom.pmf(better, divided, 0.5) / 2
    deploys: NDArray[np.bool_] = chance < 1 - _SURE
    return deploys


def _by_beta_posterior(pairs: Pairs) -> NDArray[np.bool_]:
    better, worse, _ = _counts(pairs)
    deploys: NDArray[np.bool_] = beta.sf(0.5, better + 1, worse + 1) > _SURE
    return deploys


def _by_newcombe(pairs: Pairs) -> NDArray[np.bool_]:
    """Deploy if the interval of the difference is above 0."""
    both, better, worse, neither = pairs.sum(axis=1).T.astype(float)
    samples = both + better + worse + neither
    low, _ = _wilson(both + better, samples)
    _, high = _wilson(both + worse, samples)
    rows = (both + better) * (worse + neither) * (both + worse) * (better + neither)
    product = both * neither - better * worse
    corrected = np.where(product > 0, np.maximum(product - samples / 2, 0), product)
    correlation = corrected / np.sqrt(np.maximum(rows, 1))
    down, up = (both + better) / samples - low, high - (both + worse) / samples
    width = np.sqrt(down**2 - 2 * correlation * down * up + up**2)
    deploys: NDArray[np.bool_] = (better - worse) / samples - width > 0
    return deploys


def _wilson(hits: Floats, samples: Floats) -> tuple[Floats, Floats]:
    share, shrink = hits / samples, 1 + _Z**2 / samples
    middle = share + _Z**2 / (2 * samples)
    half = _Z * np.sqrt(share * (1 - share) / samples + _Z**2 / (4 * samples**2))
    return (middle - half) / shrink, (middle + half) / shrink


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
    "Newcombe": _by_newcombe,
    "Beta(1, 1)": _by_beta_posterior,
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
