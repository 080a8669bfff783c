"""Samples of every kind alike: drawing as many of each, and repeating those of rare ones."""

from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_evenly", "draw_share", "number_kinds", "repeats_of_rare"]

_MOST_REPEATS = 20


def number_kinds(names: Iterable[Hashable]) -> NDArray[np.int64]:
    """Return a number for each name, equal ones for equal names."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)


def repeats_of_rare(kinds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how often to repeat each sample of ``kinds`` (N,), so that no kind is rare.

    Rounded, the size of the largest kind divided by that of the sample's own; at most 20, since
    a sample that is seen more often teaches nothing more.
    """
    if not len(kinds):
        return kinds
    sizes = np.bincount(kinds)
    repeats = np.rint(sizes.max() / np.maximum(sizes, 1)).astype(np.int64)
    balanced: NDArray[np.int64] = np.minimum(repeats, _MOST_REPEATS)[kinds]
    return balanced


def draw_evenly(kinds: NDArray[np.int64], count: int, seed: int) -> list[int]:
    """Return up to ``count`` positions of ``kinds`` (N,), drawn as evenly from each as can be.

    A kind with too few gives what it has, and the others more. No position is drawn twice, and
    the same arguments give the same ones.
    """
    generator = np.random.default_rng(seed)
    of_kinds = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
    drawn = [generator.permutation(positions)[:count] for positions in of_kinds]
    if not drawn:
        return []
    # Every kind's first, then every kind's second, and so on.
    turns = np.concatenate([np.arange(len(positions)) for positions in drawn])
    order = np.argsort(turns, kind="stable")[:count]
    positions: list[int] = np.concatenate(drawn)[order].tolist()
    return positions


def draw_share(kinds: NDArray[np.int64], share: float, seed: int) -> list[int]:
    """Return the positions of a share (0 to 1) of each kind of ``kinds`` (N,), rounded down."""
    generator = np.random.default_rng(seed)
    drawn: list[int] = []
    for kind in np.unique(kinds):
        positions = generator.permutation(np.flatnonzero(kinds == kind))
        drawn += positions[: int(share * len(positions))].tolist()
    return drawn
