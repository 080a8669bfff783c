"""The job's dataset, wherever its images are.

The samples' paths are relative to the folder of ORIGINAL_DATASET_URL. For a dataset in S3 that
is the folder into which Sedna's init container has downloaded the round's samples, and nothing
else: ``dataIndex.txt`` stands for the index there. Its first line is the dataset's folder,
which may be marked with ``@``; the LocalController writes it next to the round's index file.
What the init container has not downloaded, the samples of earlier rounds above all, is
downloaded from there.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from backend.images.preprocessing import LabelledImages
from workers.contract import Variable
from workers.data.index_file import Sample, ignore, read_labels
from workers.storage import Mirror, NotFoundError, is_remote

__all__ = ["DATA_INDEX_FILE", "DatasetImages"]

DATA_INDEX_FILE = "dataIndex.txt"

_MARK = "@"


class DatasetImages:
    """Finds the images of samples."""

    def __init__(
        self, original_dataset_url: Path, mirror: Mirror, *, data_indexes: Sequence[Path] = ()
    ) -> None:
        """Find the dataset's folder.

        Args:
            original_dataset_url: The Dataset's index file, or ``dataIndex.txt``.
            mirror: What gave remote URLs their paths.
            data_indexes: Where else the round's ``dataIndex.txt`` may be.

        Raises:
            TemporaryError: If storage is away.
        """
        self._index = original_dataset_url
        self._mirror = mirror
        self._origin = self._find_origin([original_dataset_url, *data_indexes])

    def read_labels(
        self, class_names: Sequence[str], renamed: Mapping[str, str] | None = None
    ) -> dict[str, int] | None:
        """Return every sample's class number by its path, or None if the index is not visible.

        Bad lines are left out: each was some round's, which reports it. Raises DatasetError if the
        index cannot be read, and what `Mirror.fetch` raises.
        """
        is_hidden = self._index.name == DATA_INDEX_FILE and not self._index.exists()
        if self._origin or is_hidden:
            return None
        index = self._mirror.fetch(self._index, Variable.ORIGINAL_DATASET_URL)
        return read_labels(index, class_names, renamed=renamed, on_bad_line=ignore, is_growing=True)

    @property
    def folders(self) -> list[Path]:
        """The folders in which the samples' images are, or are downloaded to."""
        return [self._index.parent, *([self._origin] if self._origin else [])]

    def images(self, samples: Sequence[Sample]) -> LabelledImages:
        """Return the samples' images, downloaded where need be; one may be missing.

        Raises SettingsError or TemporaryError, as `Mirror.fetch` does, if a file is not available
        for another reason.
        """
        paths = [self._path(sample) for sample in samples]
        try:
            self._mirror.fetch_all(paths, Variable.ORIGINAL_DATASET_URL)
        except NotFoundError:
            self._mirror.fetch_available(paths, Variable.ORIGINAL_DATASET_URL)
        return LabelledImages(x=paths, y=[sample.label for sample in samples])

    def available(self, samples: Sequence[Sample]) -> list[Sample]:
        """Return the samples whose images are there, downloaded where need be."""
        paths = {self._path(sample): sample for sample in samples}
        found = self._mirror.fetch_available(list(paths), Variable.ORIGINAL_DATASET_URL)
        return [paths[path] for path in found]

    def _path(self, sample: Sample) -> Path:
        path = self._index.parent / sample.path
        return path if self._origin is None or path.exists() else self._origin / sample.path

    def _find_origin(self, candidates: Sequence[Path]) -> Path | None:
        if self._index.name != DATA_INDEX_FILE:
            return None
        origins = (self._read_origin(file) for file in candidates)
        return next(filter(None, origins), None)

    def _read_origin(self, file: Path) -> Path | None:
        try:
            text = self._mirror.fetch(file, Variable.ORIGINAL_DATASET_URL).read_text("utf-8")
        except (OSError, UnicodeDecodeError, NotFoundError):
            return None
        url = text.partition("\n")[0].strip().removeprefix(_MARK)
        return self._mirror.path(url) if is_remote(url) else None
