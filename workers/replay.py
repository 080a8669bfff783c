"""Older samples to train on beside a round's new ones, without touching what it is judged on.

Every round's train worker writes the samples it was given into ``<MODEL_URL>/samples.txt``
before it trains. A later round draws its replay from those files alone. What the
LocalController kept for evaluation was never given to a train worker, so it stands in none of
them: nothing leaks from evaluation into training.

A round that reported no model has trained on nothing that lasts, and the LocalController never
gives its samples again: all of them come back, however few are replayed, and count as the new
round's own from then on.

The folders beside ``MODEL_URL`` are numbered by round. A larger number was left by a
LocalController that has restarted since and counts from 1 again; it is ignored.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np

from backend.files import write_atomically
from workers.outbox import TRAIN_REPORT_FILE, is_completed
from workers.samples import Sample, format_index, read_index, sample_paths

__all__ = ["SAMPLES_FILE", "Replay", "draw_replay", "recorded_samples", "remember_samples"]

SAMPLES_FILE = "samples.txt"


class Replay(NamedTuple):
    """Samples of earlier rounds."""

    missed: list[Sample]
    """Of rounds that reported no model, and trained on in no other."""
    repeated: list[Sample]
    """A draw from those that were trained on."""


def remember_samples(
    model_folder: Path, samples: Sequence[Sample], class_names: Sequence[str]
) -> None:
    """Write what a round trains on, but for what it repeats, for the rounds that follow."""
    write_atomically(model_folder / SAMPLES_FILE, format_index(samples, class_names).encode())


def recorded_samples(model_folder: Path, class_names: Sequence[str]) -> list[Sample]:
    """Return the samples of all earlier rounds: the index of those who cannot see the dataset's.

    Raises DatasetError if an earlier file is damaged or holds other classes.
    """
    labels = {
        sample.path: sample.label
        for folder in _earlier_rounds(model_folder)
        for sample in read_index(folder / SAMPLES_FILE, class_names)
    }
    return [Sample(path, label) for path, label in labels.items()]


def draw_replay(
    model_folder: Path, index: Sequence[Sample], new: Sequence[Sample], count: int, seed: int
) -> Replay:
    """Return all missed samples and up to ``count`` repeated ones, as many of each class.

    A class with too few gives what it has, and the others more. Only samples that are still in
    ``index`` are drawn, with the label they have there, and none of ``new``. The same
    arguments give the same samples. Raises DatasetError if an earlier file is damaged.
    """
    trained, missed = set[str](), set[str]()
    for folder in _earlier_rounds(model_folder):
        paths = sample_paths(folder / SAMPLES_FILE)
        (trained if is_completed(folder / TRAIN_REPORT_FILE) else missed).update(paths)
    older = _without(index, {sample.path for sample in new})
    pool = [sample for sample in older if sample.path in trained]
    return Replay(
        missed=[sample for sample in older if sample.path in missed - trained],
        repeated=_stratified(pool, count, seed),
    )


def _without(samples: Sequence[Sample], paths: set[str]) -> list[Sample]:
    return [sample for sample in samples if sample.path not in paths]


def _earlier_rounds(model_folder: Path) -> Iterator[Path]:
    """Yield the folders of earlier rounds that have recorded samples, the oldest first."""
    if not model_folder.name.isdecimal():
        return
    rounds = {int(path.name): path for path in model_folder.parent.iterdir() if _is_round(path)}
    for number in sorted(rounds):
        if number < int(model_folder.name):
            yield rounds[number]


def _is_round(folder: Path) -> bool:
    return folder.name.isdecimal() and (folder / SAMPLES_FILE).exists()


def _stratified(pool: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    generator = np.random.default_rng(seed)
    shuffled = [pool[position] for position in generator.permutation(len(pool))]
    classes = sorted({sample.label for sample in pool})
    columns = [[sample for sample in shuffled if sample.label == label] for label in classes]
    in_turn = [sample for row in zip_longest(*columns) for sample in row if sample is not None]
    return in_turn[:count]
