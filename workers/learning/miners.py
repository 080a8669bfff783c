"""Hard example miners: is an image's prediction worth a person's look?

Each is a function of the probability vector p of C classes, shape (C,), that sums to 1; its
parameters are between 0 and 1. A miner is chosen by the name in ``hardExampleMining`` of the job.

References: B. Settles, Active Learning Literature Survey, University of Wisconsin-Madison,
TR 1648, 2009; T. Scheffer et al., Active Hidden Markov Models for Information Extraction,
IDA 2001; A. Culotta and A. McCallum, Reducing Labeling Effort for Structured Prediction Tasks,
AAAI 2005; C. Shannon, A Mathematical Theory of Communication, 1948.
"""

from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backend.errors import SettingsError

__all__ = [
    "MINERS",
    "Miner",
    "cloud_only",
    "cross_entropy",
    "edge_only",
    "entropy",
    "find_miner",
    "ibt",
    "least_confidence",
    "margin",
    "random_choice",
    "threshold",
]

Miner = Callable[[ArrayLike], bool]
"""From probabilities (C,) to whether the image is a hard example."""

_SUM_TOLERANCE = 1e-3


def threshold(probabilities: ArrayLike, *, threshold: float = 0.5) -> bool:
    """Hard when max p < threshold. Default 0.5; at 0 nothing is hard.

    Sedna averages the scores of an image's boxes; a classified image is one box.
    """
    return bool(_checked(probabilities).max() < threshold)


def cross_entropy(probabilities: ArrayLike, *, threshold_cross_entropy: float = 0.5) -> bool:
    """Hard when the confidence 1 - H(p) / ln C < threshold. Default 0.5 (Sedna).

    The confidence is 0 for equal probabilities and 1 for a certain class (Shannon 1948). With
    two classes 0.5 means: hard when max p < 0.89.
    """
    return 1.0 - _normalised_entropy(probabilities) < threshold_cross_entropy


def ibt(
    probabilities: ArrayLike, *, threshold_img: float = 0.5, threshold_box: float = 0.5
) -> bool:
    """Hard when the share of boxes with a score <= threshold_box is >= 1 - threshold_img.

    Defaults 0.5 and 0.5 (Sedna: Image-Box-Threshold). A classified image is one box whose
    score is max p, so the share is 0 or 1.
    """
    share = float(_checked(probabilities).max() <= threshold_box)
    return share >= 1.0 - threshold_img


def random_choice(probabilities: ArrayLike, *, random_ratio: float = 0.3) -> bool:
    """Hard with the probability random_ratio, whatever p. Default 0.3 (Sedna)."""
    _checked(probabilities)
    return bool(np.random.default_rng().random() < random_ratio)


def cloud_only(probabilities: ArrayLike) -> bool:
    """Every image is hard (Sedna)."""
    _checked(probabilities)
    return True


def edge_only(probabilities: ArrayLike) -> bool:
    """No image is hard (Sedna)."""
    _checked(probabilities)
    return False


def least_confidence(probabilities: ArrayLike, *, threshold_least_confidence: float = 0.5) -> bool:
    """Hard when (1 - max p) * C / (C - 1) > threshold. Default 0.5.

    0 for a certain class, 1 for equal probabilities (Culotta and McCallum 2005).
    """
    p = _checked(probabilities)
    return bool((1.0 - p.max()) * p.size / max(p.size - 1, 1) > threshold_least_confidence)


def margin(probabilities: ArrayLike, *, threshold_margin: float = 0.3) -> bool:
    """Hard when the two highest p differ by less than the threshold. Default 0.3.

    Scheffer et al. 2001.
    """
    p = np.sort(_checked(probabilities))
    return bool(p[-1] - p[-2:-1].sum() < threshold_margin)


def entropy(probabilities: ArrayLike, *, threshold_entropy: float = 0.5) -> bool:
    """Hard when H(p) / ln C > threshold. Default 0.5 (Shannon 1948; Settles 2009).

    The same order as CrossEntropy, with the threshold counted from the certain end.
    """
    return _normalised_entropy(probabilities) > threshold_entropy


MINERS: Mapping[str, Callable[..., bool]] = MappingProxyType(
    {
        "Threshold": threshold,
        "CrossEntropy": cross_entropy,
        "IBT": ibt,
        "Random": random_choice,
        "CloudOnly": cloud_only,
        "EdgeOnly": edge_only,
        "LeastConfidence": least_confidence,
        "Margin": margin,
        "Entropy": entropy,
    }
)
"""The miners by the names that ``hardExampleMining.name`` takes."""


def find_miner(name: str, parameters: Mapping[str, str | float]) -> Miner:
    """Return the miner of that name with its parameters set, as text or numbers.

    Raises SettingsError for an unknown name or parameter, or a value outside 0 to 1.
    """
    if name not in MINERS:
        raise SettingsError(
            f"HEM_NAME={name!r}: is not a hard example miner: use one of {', '.join(MINERS)}."
        )
    known = list(signature(MINERS[name]).parameters)[1:]
    for key in parameters:
        if key not in known:
            raise SettingsError(
                f"HEM_PARAMETERS: {key!r} is not a parameter of {name}:"
                f" it takes {', '.join(known) or 'none'}."
            )
    return partial(MINERS[name], **{key: _share(key, value) for key, value in parameters.items()})


def _share(key: str, value: str | float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = np.nan
    if not 0.0 <= number <= 1.0:
        raise SettingsError(f"HEM_PARAMETERS: {key}={value!r}: expected a number from 0 to 1.")
    return number


def _normalised_entropy(probabilities: ArrayLike) -> float:
    p = _checked(probabilities)
    positive = p[p > 0]
    # One class has no uncertainty; ln 1 = 0 must not divide.
    return float(-(positive * np.log(positive)).sum() / np.log(max(p.size, 2)))


def _checked(probabilities: ArrayLike) -> NDArray[np.float64]:
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 1 or not p.size or p.min() < 0 or not abs(p.sum() - 1.0) <= _SUM_TOLERANCE:
        raise ValueError(f"{p} are not probabilities: expected (C,) values from 0 that sum to 1.")
    return p
