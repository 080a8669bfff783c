"""Forgetting: what a model no longer knows of earlier rounds' held-out samples.

Of one earlier round it is the accuracy that the round's own model had on its held-out samples,
minus that of the model judged now; the mean over the earlier rounds is reported (Chaudhry et
al., "Riemannian Walk for Incremental Learning", ECCV 2018, with the first accuracy in the place
of the best; it is the negative of backward transfer in Lopez-Paz and Ranzato, "Gradient
Episodic Memory", NeurIPS 2017). Both accuracies are of the same samples, so that drawing only
some adds no noise of its own.

Where no record of earlier rounds lies beside the trained model, as behind Sedna's init
container, or none can be written, there is nothing to compare with and nothing is reported.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from backend.errors import DatasetError, ImageError, PermanentError, ProjectError
from backend.images.preprocessing import LabelledImages
from workers.contract import Metrics
from workers.data.dataset import DatasetImages
from workers.data.held_out import HeldOutSample, read_held_out, write_held_out
from workers.data.index_file import Sample
from workers.data.round_folder import RoundFolder
from workers.data.screening import Screen
from workers.learning.sampling import draw_evenly

__all__ = ["Forgetting"]

_REPEATED_ROUNDS = 5
"""The LocalController repeats the evaluation shares of so many earlier rounds."""

_log = logging.getLogger(__name__)


class _Earlier(NamedTuple):
    """Samples of one earlier round, and whether its own model was right on each."""

    images: LabelledImages
    right: list[bool]


class Forgetting:
    """Judges models on what earlier rounds were judged on, and notes what this one is."""

    def __init__(
        self,
        folder: RoundFolder,
        dataset: DatasetImages,
        screen: Screen,
        class_names: Sequence[str],
        count: int,
    ) -> None:
        """Read the record beside the trained model, and draw from it.

        Args:
            folder: The round's.
            dataset: Finds the samples' images.
            screen: Refuses images that are not to be opened.
            class_names: The classes, in the order of the model's outputs.
            count: How many samples of earlier rounds are judged again; 0: none.

        Raises:
            TemporaryError: If storage is away.
        """
        self._folder = folder
        self._round = folder.number
        self._classes = class_names
        self._count = count
        self._dataset, self._screen = dataset, screen
        rows = self._read() if self._count else None
        self._is_kept = rows is not None
        self._record = [row for row in rows or () if row.round < self._round]
        self._earlier = [self._of_round(rows) for rows in self._drawn()]

    def measure(self, evaluate: Callable[..., Metrics]) -> Metrics:
        """Return ``forgetting`` [1], -1 to 1, of a model, or nothing without earlier rounds.

        The mean over the earlier rounds of the accuracy that the round's own model had on the
        round's held-out samples, minus this model's on the same ones; below 0 it has learnt.
        ``evaluate`` is the estimator's.
        """
        drops = [_drop(earlier, evaluate) for earlier in self._earlier]
        known = [drop for drop in drops if drop is not None]
        return {"forgetting": [float(np.mean(known))]} if known else {}

    def record(self, samples: Sequence[Sample], predict: Callable[..., Any]) -> None:
        """Add this round's readable samples, if they are new, with the model's answers to some.

        Earlier samples without an answer only tell what is new, while they are repeated.
        ``predict`` is the estimator's, with the round's own model. A failure is logged: the
        round does not depend on it.
        """
        if not self._is_kept:
            return
        known = {row.path for row in self._record}
        new = [sample for sample in samples if sample.path not in known]
        oldest = self._round - _REPEATED_ROUNDS
        kept = [row for row in self._record if row.answer or row.round > oldest]
        try:
            write_held_out(self._folder.held_out, [*kept, *self._answered(new, predict)])
            self._folder.publish(self._folder.held_out)
        except (OSError, ProjectError) as error:
            _log.warning("later rounds cannot tell what they forget of this one: %s", error)

    def _read(self) -> list[HeldOutSample] | None:
        """Return the record's rows, or None if there is none to add to."""
        try:
            file = self._folder.pull(self._folder.held_out)
        except PermanentError as error:
            _log.info("forgetting is not reported: %s", error)
            return None
        try:
            return read_held_out(file) if file else None
        except DatasetError as error:
            _log.warning("forgetting starts again from nothing: %s", error)
            return []

    def _answered(
        self, samples: Sequence[Sample], predict: Callable[..., Any]
    ) -> list[HeldOutSample]:
        labels = np.array([sample.label for sample in samples], np.int64)
        asked = [samples[place] for place in draw_evenly(labels, self._count, self._round)]
        predictions = predict(self._dataset.images(asked).x) if asked else []
        answers = {sample.path: each.label for sample, each in zip(asked, predictions, strict=True)}
        return [
            HeldOutSample(self._round, path, self._classes[label], answers.get(path, ""))
            for path, label in samples
        ]

    def _drawn(self) -> Iterator[list[HeldOutSample]]:
        """Yield rows that can be judged again, those of each round together."""
        asked = [row for row in self._record if row.answer and row.label in self._classes]
        rounds = np.array([row.round for row in asked], np.int64)
        drawn = [asked[place] for place in draw_evenly(rounds, self._count, self._round)]
        for _, rows in groupby(sorted(drawn), key=lambda row: row.round):
            yield list(rows)

    def _of_round(self, rows: Sequence[HeldOutSample]) -> _Earlier:
        is_right = {self._sample(row): row.answer == row.label for row in rows}
        there = self._dataset.available(list(is_right))
        paths = zip(there, self._dataset.images(there).x, strict=True)
        usable = [sample for sample, image in paths if self._screen.passes(Path(str(image)))]
        return _Earlier(self._dataset.images(usable), [is_right[sample] for sample in usable])

    def _sample(self, row: HeldOutSample) -> Sample:
        return Sample(row.path, self._classes.index(row.label))


def _drop(earlier: _Earlier, evaluate: Callable[..., Metrics]) -> float | None:
    """Return first minus present accuracy, or None if no image can be read any more."""
    unreadable: set[int] = set()

    def leave_out(position: int, _: ImageError) -> None:
        unreadable.add(position)

    metrics = evaluate(earlier.images, on_unreadable=leave_out)
    first = [right for place, right in enumerate(earlier.right) if place not in unreadable]
    return float(np.mean(first)) - metrics["accuracy"][0] if first else None
