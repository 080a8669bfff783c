"""Older samples to train on beside a round's new ones, without touching what it is judged on.

Every round's train worker writes the samples it was given into ``<MODEL_URL>/samples.txt``
before it trains. A later round draws its replay from those files alone. What the
LocalController kept for evaluation was never given to a train worker, so it stands in none of
them: nothing leaks from evaluation into training. The samples of a round that failed do stand
there, so they come back this way.

The folders beside ``MODEL_URL`` are numbered by round. A larger number was left by a
LocalController that has restarted since and counts from 1 again; it is ignored.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np

from backend.files import write_atomically
from workers.samples import Sample, format_index, sample_paths

__all__ = ["SAMPLES_FILE", "draw_replay", "remember_samples"]

SAMPLES_FILE = "samples.txt"


def remember_samples(
    model_folder: Path, samples: Sequence[Sample], class_names: Sequence[str]
) -> None:
    """Write a round's new samples for the rounds that follow."""
    write_atomically(model_folder / SAMPLES_FILE, format_index(samples, class_names).encode())


def draw_replay(
    model_folder: Path, index: Sequence[Sample], new: Sequence[Sample], count: int, seed: int
) -> list[Sample]:
    """Return up to ``count`` samples of earlier rounds, the same number of each class.

    A class with too few gives what it has, and the others more. Only samples that are still in
    ``index`` are drawn, with the label they have there, and none of ``new``. The same
    arguments give the same samples. Raises DatasetError if an earlier file is damaged.
    """
    earlier = {path for file in _earlier_files(model_folder) for path in sample_paths(file)}
    earlier -= {sample.path for sample in new}
    return _stratified([sample for sample in index if sample.path in earlier], count, seed)


def _earlier_files(model_folder: Path) -> Iterator[Path]:
    if not model_folder.name.isdecimal():
        return
    for folder in model_folder.parent.iterdir():
        file = folder / SAMPLES_FILE
        if folder.name.isdecimal() and int(folder.name) < int(model_folder.name) and file.exists():
            yield file


def _stratified(pool: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    generator = np.random.default_rng(seed)
    shuffled = [pool[position] for position in generator.permutation(len(pool))]
    classes = sorted({sample.label for sample in pool})
    columns = [[sample for sample in shuffled if sample.label == label] for label in classes]
    in_turn = [sample for row in zip_longest(*columns) for sample in row if sample is not None]
    return in_turn[:count]
