"""Older samples to train on beside a round's new ones, without touching what it is judged on.

Every round's train worker writes the samples it was given into ``<MODEL_URL>/samples.txt``
before it trains. A later round draws its replay from those files alone. What the
LocalController kept for evaluation was never given to a train worker, so it stands in none of
them: nothing leaks from evaluation into training.

A round that reported no model has trained on nothing that lasts, and the LocalController never
gives its samples again: all of them come back, however few are replayed, and count as the new
round's own from then on.

What a round left out because it could not be read stands in its ``samples.txt`` and in its
quarantine file. It was not trained on and is not drawn, so that no later round reads it in vain.
Once the image is mended, append its line to the index again: then it is new.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import numpy as np

from backend.files import write_atomically
from workers.data.index_file import Sample, format_index, read_labels, sample_paths
from workers.data.quarantine import TRAIN_QUARANTINE_FILE, quarantined_paths
from workers.data.round_folder import earlier_rounds
from workers.learning.sampling import draw_evenly
from workers.sedna.outbox import TRAIN_REPORT_FILE, is_completed

__all__ = ["SAMPLES_FILE", "Replay", "draw_replay", "recorded_labels", "remember_samples"]

SAMPLES_FILE = "samples.txt"


class Replay(NamedTuple):
    """Samples of earlier rounds."""

    missed: list[Sample]
    """Of rounds that reported no model, and trained on in no other."""
    repeated: list[Sample]
    """A draw from those that were trained on."""


class _Fate(Enum):
    """What became of a sample of the index in the rounds so far."""

    UNKNOWN = 0
    MISSED = 1
    LEFT_OUT = 2
    TRAINED = 3


def remember_samples(
    model_folder: Path, samples: Sequence[Sample], class_names: Sequence[str]
) -> None:
    """Write what a round trains on, but for what it repeats, for the rounds that follow."""
    write_atomically(model_folder / SAMPLES_FILE, format_index(samples, class_names).encode())


def recorded_labels(model_folder: Path, class_names: Sequence[str]) -> dict[str, int]:
    """Return the samples of all earlier rounds: the index of those who cannot see the dataset's.

    By path the class's number, the newest. Raises DatasetError if an earlier file is damaged or
    holds other classes.
    """
    labels: dict[str, int] = {}
    for folder in _recorded_rounds(model_folder):
        labels |= read_labels(folder / SAMPLES_FILE, class_names)
    return labels


def draw_replay(
    model_folder: Path, labels: Mapping[str, int], new: Iterable[Sample], count: int, seed: int
) -> Replay:
    """Return all missed samples and up to ``count`` repeated ones, as many of each class.

    A class with too few gives what it has, and the others more. Only samples of the index, whose
    class numbers by path are ``labels``, are drawn, and none of ``new``. The same arguments give
    the same samples. A million samples take about a second and 50 MB.

    Raises DatasetError if an earlier file is damaged.
    """
    fates = dict.fromkeys(labels, _Fate.UNKNOWN)
    for folder in _recorded_rounds(model_folder):
        _take_in(folder, fates)
    _settle((path for path, _ in new), fates, _Fate.UNKNOWN)
    missed = (path for path, fate in fates.items() if fate is _Fate.MISSED)
    trained = [path for path, fate in fates.items() if fate is _Fate.TRAINED]
    classes = np.fromiter(map(labels.__getitem__, trained), np.int64, len(trained))
    repeated = (trained[position] for position in draw_evenly(classes, count, seed))
    return Replay(
        missed=[Sample(path, labels[path]) for path in missed],
        repeated=[Sample(path, labels[path]) for path in repeated],
    )


def _take_in(folder: Path, fates: dict[str, _Fate]) -> None:
    """Note what a round, later than those before it, has done to the samples of ``fates``."""
    paths = sample_paths(folder / SAMPLES_FILE)
    if is_completed(folder / TRAIN_REPORT_FILE):
        _settle(paths, fates, _Fate.TRAINED)
        # Those that it repeated in vain, too.
        _settle(quarantined_paths(folder / TRAIN_QUARANTINE_FILE), fates, _Fate.LEFT_OUT)
    else:
        untrained = (path for path in paths if fates.get(path) is not _Fate.TRAINED)
        _settle(untrained, fates, _Fate.MISSED)


def _settle(paths: Iterable[str], fates: dict[str, _Fate], fate: _Fate) -> None:
    for path in paths:
        if path in fates:
            fates[path] = fate


def _recorded_rounds(model_folder: Path) -> Iterator[Path]:
    """Yield the folders of earlier rounds that have recorded samples, the oldest first."""
    return (folder for folder in earlier_rounds(model_folder) if (folder / SAMPLES_FILE).exists())
