"""A job's fixed test set: every round's models are judged on it, and none is trained on it.

A round's evaluation file grows and gets harder from round to round, so that figures of different
rounds do not compare. Those of a set that stays the same do.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from backend.images.preprocessing import LabelledImages
from workers.data.dataset import DatasetImages
from workers.data.index_file import BadLine, Sample, read_index
from workers.data.screening import Screen
from workers.data.settings import DatasetSettings
from workers.storage import Mirror

__all__ = ["FixedTestSet"]

_log = logging.getLogger(__name__)


class FixedTestSet:
    """The samples of `test_index` whose images are there; none without that setting."""

    def __init__(
        self,
        settings: DatasetSettings,
        dataset: DatasetImages,
        mirror: Mirror,
        class_names: Sequence[str],
        renamed: Mapping[str, str] | None = None,
    ) -> None:
        """Read the index, if there is one.

        Raises DatasetError if it cannot be read, and SettingsError or TemporaryError if it cannot
        be had.
        """
        self.samples: list[Sample] = []
        self.images = LabelledImages([], [])
        if settings.test_index is None:
            return
        index = mirror.fetch(dataset.folders[-1] / settings.test_index, "test_index")
        files = DatasetImages(index, mirror)
        screen = Screen(files.folders, settings.image_limit_mib)
        samples = read_index(index, class_names, renamed=renamed, on_bad_line=_leave_out)
        rows = zip(samples, files.images(samples).x, strict=True)
        self.samples = [sample for sample, image in rows if screen.passes(Path(str(image)))]
        self.images = files.images(self.samples)
        if len(self.samples) < len(samples):
            _log.warning("%s: %d images are missing", index, len(samples) - len(self.samples))

    def without(self, samples: Sequence[Sample], images: LabelledImages) -> list[Sample]:
        """Return the samples whose images, of any name, are not in the test set."""
        rows = zip(samples, images.x, strict=True)
        others = [sample for sample, image in rows if not self._contains(Path(str(image)))]
        if len(others) < len(samples):
            _log.info("%d samples are in the test set: left out", len(samples) - len(others))
        return others

    def _contains(self, image: Path) -> bool:
        try:
            # Most sizes are of no test image: few files are read.
            return image.stat().st_size in self._sizes and _digest(image) in self._digests
        except OSError:
            return False

    @cached_property
    def _sizes(self) -> set[int]:
        return {Path(str(image)).stat().st_size for image in self.images.x}

    @cached_property
    def _digests(self) -> set[bytes]:
        return {_digest(Path(str(image))) for image in self.images.x}


def _digest(image: Path) -> bytes:
    with image.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _leave_out(line: BadLine) -> None:
    _log.warning("test_index, line %d: %s", line.number, line.reason)
