"""The images of an epoch: which come how often, in how many copies, and which judge it.

An image that is repeated is not to be learned by heart. Where the frozen part of a network runs
before training, images have two views, the second one mirrored; one that is repeated more often
gets copies, random crops of it with as many views each.
"""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from backend.errors import DatasetError

__all__ = ["divide_epoch", "images_to_copy"]

_VIEWS = 2
_MOST_COPIES = 5


def images_to_copy(repeats: Sequence[int] | None, validation: Collection[int]) -> list[int]:
    """Return the positions of images that need copies, each as often as it needs one.

    Images then have as many views as repeats, up to twelve. Those that judge need none.
    """
    return [
        position
        for position, times in enumerate(repeats or ())
        if position not in validation
        for _ in range(min((times - 1) // _VIEWS, _MOST_COPIES))
    ]


def divide_epoch(
    positions: Sequence[int], repeats: Sequence[int] | None, validation: Collection[int]
) -> tuple[NDArray[np.int64], list[int]]:
    """Return the places, among ``positions``, of an epoch's images, and of those that judge it.

    A position that comes several times has copies, which share its repeats. Raises DatasetError
    if all of them judge.
    """
    judges = [place for place, position in enumerate(positions) if position in validation]
    order = np.setdiff1d(np.arange(len(positions)), judges)
    if not len(order):
        raise DatasetError("Every readable sample is held out for validation: add some.")
    if repeats is not None:
        order = np.repeat(order, _times([positions[place] for place in order], repeats))
    return order, judges


def _times(positions: Sequence[int], repeats: Sequence[int]) -> list[int]:
    """Return how often each comes; the first copies have what cannot be divided."""
    copies, turns = Counter(positions), Counter[int]()
    times = []
    for position in positions:
        shared, rest = divmod(repeats[position], copies[position])
        times.append(shared + (turns[position] < rest))
        turns[position] += 1
    return times
