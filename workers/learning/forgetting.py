"""Forgetting: the accuracy that a model has lost on earlier rounds' held-out samples.

Of one earlier round it is the accuracy that the round's own model had on its held-out samples,
minus that of the model judged now; the mean over the earlier rounds is reported (Chaudhry et
al., "Riemannian Walk for Incremental Learning", ECCV 2018, with the first accuracy in the place
of the best; it is the negative of backward transfer in Lopez-Paz and Ranzato, "Gradient
Episodic Memory", NeurIPS 2017). Both accuracies are of the same samples, so that drawing only
some adds no noise of its own.

Where there is no record of earlier rounds next to the trained model, as behind Sedna's init
container, or none can be written, there is nothing to compare with and nothing is reported.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from backend.errors import DatasetError, PermanentError, ProjectError
from backend.images.preprocessing import LabelledImages
from backend.metrics import Metrics
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


class Forgetting:
    """Judges models on what earlier rounds were judged on, and notes what this one is."""

    def __init__(
        self,
        folder: RoundFolder,
        dataset: DatasetImages,
        screen: Screen,
        class_names: Sequence[str],
        count: int,
        *,
        renamed: Mapping[str, str] | None = None,
    ) -> None:
        """Read the record next to the trained model, and draw from it.

        Args:
            folder: The round's.
            dataset: Finds the samples' images.
            screen: Refuses images that are not to be opened.
            class_names: The classes, in the order of the model's outputs.
            count: How many samples of earlier rounds are judged again; 0: none.
            renamed: Old names of classes in the record to the names that they have now.

        Raises:
            TemporaryError: If storage is away.
        """
        self._folder = folder
        self._round = folder.number
        self._classes = class_names
        self._count = count
        self._dataset, self._screen = dataset, screen
        rows = self._read(renamed or {}) if self._count else None
        self._is_kept = rows is not None
        self._record = [row for row in rows or () if row.round < self._round]
        self._rows = self._drawn()
        self.samples = [self._sample(row) for row in self._rows]
        """Samples of earlier rounds, for every model to be asked again."""

    @property
    def paths(self) -> set[str]:
        """The samples that earlier rounds were judged on, as far as the record goes back."""
        return {row.path for row in self._record}

    @property
    def images(self) -> LabelledImages:
        """The images of ``samples``."""
        return self._dataset.images(self.samples)

    def measure(self, answers: Sequence[float]) -> Metrics:
        """Return ``forgetting`` [1], -1 to 1, of a model, or nothing without earlier rounds.

        The mean over the earlier rounds of the accuracy that the round's own model had on the
        round's held-out samples, minus this model's on the same ones; below 0 it has learnt.
        ``answers`` are this model's to ``samples``, class numbers, negative for none.
        """
        drops = defaultdict[int, list[float]](list)
        for row, sample, answer in zip(self._rows, self.samples, answers, strict=True):
            if answer >= 0:
                drops[row.round].append((row.answer == row.label) - (answer == sample.label))
        known = [float(np.mean(each)) for each in drops.values()]
        return {"forgetting": [float(np.mean(known))]} if known else {}

    def record(self, samples: Sequence[Sample], answers: Sequence[float]) -> None:
        """Add this round's readable samples, if they are new, with the model's answers to some.

        Earlier samples without an answer only tell what is new, while they are repeated.
        ``answers`` are the round's own model's to ``samples``, class numbers, negative for none.
        A failure is logged: the round does not depend on it.
        """
        if not self._is_kept:
            return
        known = self.paths
        new = {
            sample: int(answer)
            for sample, answer in zip(samples, answers, strict=True)
            if answer >= 0 and sample.path not in known
        }
        oldest = self._round - _REPEATED_ROUNDS
        kept = [row for row in self._record if row.answer or row.round > oldest]
        try:
            write_held_out(self._folder.held_out, [*kept, *self._answered(new)])
            self._folder.publish(self._folder.held_out)
        except (OSError, ProjectError) as error:
            _log.warning("later rounds cannot tell what they forget of this one: %s", error)

    def _read(self, renamed: Mapping[str, str]) -> list[HeldOutSample] | None:
        """Return the record's rows, or None if there is none to add to."""
        try:
            file = self._folder.pull(self._folder.held_out)
        except PermanentError as error:
            _log.info("forgetting is not reported: %s", error)
            return None
        try:
            rows = read_held_out(file) if file else None
        except DatasetError as error:
            _log.warning("forgetting starts again from nothing: %s", error)
            return []
        return rows and [
            row._replace(
                label=renamed.get(row.label, row.label), answer=renamed.get(row.answer, row.answer)
            )
            for row in rows
        ]

    def _answered(self, new: Mapping[Sample, int]) -> Iterator[HeldOutSample]:
        samples = list(new)
        labels = np.array([sample.label for sample in samples], np.int64)
        kept = set(draw_evenly(labels, self._count, self._round))
        for place, (path, label) in enumerate(samples):
            answer = self._classes[new[samples[place]]] if place in kept else ""
            yield HeldOutSample(self._round, path, self._classes[label], answer)

    def _drawn(self) -> list[HeldOutSample]:
        """Return rows that can be judged again, as many of each round."""
        asked = [row for row in self._record if row.answer and row.label in self._classes]
        rounds = np.array([row.round for row in asked], np.int64)
        drawn = {
            self._sample(asked[place]): asked[place]
            for place in draw_evenly(rounds, self._count, self._round)
        }
        there = self._dataset.available(list(drawn))
        paths = zip(there, self._dataset.images(there).x, strict=True)
        return [drawn[sample] for sample, image in paths if self._screen.passes(Path(str(image)))]

    def _sample(self, row: HeldOutSample) -> Sample:
        return Sample(row.path, self._classes.index(row.label))
