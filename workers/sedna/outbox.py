"""What a worker has told the LocalController, or is about to: kept on disk over restarts.

One small file for a round and a kind of worker. The worker takes it over when it starts, writes
its report into it before it sends it, and notes when the LocalController has taken it.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.errors import PermanentError, ProjectError
from backend.files import remove_leftovers, write_atomically
from workers.contract import Variable, WorkerKind, WorkerMessage, WorkerStatus
from workers.storage import Mirror

__all__ = ["TRAIN_REPORT_FILE", "KeptReport", "Outbox", "is_completed"]

TRAIN_REPORT_FILE = "train-report.json"
_EVAL_REPORT_FILE = "eval-report.json"

_log = logging.getLogger(__name__)


class KeptReport(BaseModel):
    """How far a worker is."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    worker: str = Field(description="WORKER_NAME: another worker's report is not for sending.")
    message: WorkerMessage | None = Field(default=None, description="None: still at work.")
    delivered: datetime | None = Field(default=None, description="UTC; None: not yet.")

    def to_json(self) -> bytes:
        """Return the file's content."""
        return self.model_dump_json(by_alias=True, exclude_none=True, indent=2).encode()


class Outbox:
    """Keeps one worker's report in the first of several files that can be written.

    On a cluster the LocalController makes the index file's folder as root, and the init
    container's folder is read-only: not every folder takes a file.
    """

    def __init__(self, worker: str, files: Sequence[Path], mirror: Mirror) -> None:
        """Read and write nothing yet.

        Args:
            worker: WORKER_NAME.
            files: Where the report may be, the best place first; may stand for S3 objects.
            mirror: What gave the remote ones their paths.
        """
        self._worker = worker
        self._files = files
        self._mirror = mirror

    @classmethod
    def of_round(
        cls,
        kind: WorkerKind,
        worker: str,
        mirror: Mirror,
        *,
        model_url: Path | None,
        model_urls: Sequence[Path],
        dataset_url: Path | None,
    ) -> "Outbox":
        """Return a worker's outbox in the folders that are its round's own.

        Args:
            kind: Train or eval; another kind keeps nothing.
            worker: WORKER_NAME.
            mirror: What gave remote URLs their paths.
            model_url: train: the folder of the trained models.
            model_urls: eval: the model files; the first one's folder is the round's.
            dataset_url: The round's index file.
        """
        beside = [dataset_url.parent] if dataset_url else []
        folders = {
            WorkerKind.TRAIN: ([model_url] if model_url else []) + beside,
            WorkerKind.EVAL: beside + [model.parent for model in model_urls[:1]],
            WorkerKind.DEPLOY: [],
        }
        name = TRAIN_REPORT_FILE if kind is WorkerKind.TRAIN else _EVAL_REPORT_FILE
        return cls(worker, [folder / name for folder in folders[kind]], mirror)

    def tidy(self) -> None:
        """Remove what a killed worker of the round had half written beside the report."""
        for file in self._files:
            remove_leftovers(file.parent)

    def read(self) -> KeptReport | None:
        """Return what this worker has kept; raises TemporaryError if storage is away."""
        reports = map(self._read, self._files)
        return next((each for each in reports if each and each.worker == self._worker), None)

    def take_over(self) -> bool:
        """Start the round, whatever an earlier worker left; say whether that could be kept."""
        return self.keep(KeptReport(worker=self._worker))

    def keep(self, report: KeptReport) -> bool:
        """Write a report and say whether that was possible anywhere."""
        return any(self._write(file, report) for file in self._files)

    def _read(self, file: Path) -> KeptReport | None:
        try:
            self._mirror.pull(file.parent, {file.name}, Variable.MODEL_URL)
        except PermanentError:
            return None
        return _parse(file)

    def _write(self, file: Path, report: KeptReport) -> bool:
        try:
            write_atomically(file, report.to_json())
            self._mirror.publish(file, Variable.MODEL_URL)
        except (OSError, ProjectError) as error:
            _log.warning("the report cannot be kept in %s: %s", file, error)
            return False
        return True


def is_completed(file: Path) -> bool:
    """Return whether a round's model was reported and taken, by the train worker's file."""
    report = _parse(file)
    return (
        report is not None
        and report.delivered is not None
        and report.message is not None
        and report.message.status is WorkerStatus.COMPLETED
    )


def _parse(file: Path) -> KeptReport | None:
    try:
        return KeptReport.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
