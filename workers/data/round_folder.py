"""The folder of one round's models and records, ``<outputDir>/train/N``, and its files.

Every round's train worker makes one (MODEL_URL). The round's eval worker finds it as the folder
of the trained model. Rounds are numbered; a larger number than the present round's was left by a
LocalController that has restarted since and counts from 1 again, so it is ignored.
"""

import logging
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workers.contract import Variable, WorkerMessage, WorkerStatus
from workers.storage import Mirror, make_folder

__all__ = [
    "EVAL_REPORT_FILE",
    "TRAIN_REPORT_FILE",
    "KeptReport",
    "RoundFolder",
    "read_report",
]

TRAIN_REPORT_FILE = "train-report.json"
EVAL_REPORT_FILE = "eval-report.json"

_log = logging.getLogger(__name__)


class KeptReport(BaseModel):
    """How far a worker has come, kept on disk over restarts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    worker: str = Field(description="WORKER_NAME: another worker's report is not for sending.")
    message: WorkerMessage | None = Field(default=None, description="None: still at work.")
    delivered: datetime | None = Field(default=None, description="UTC; None: not yet.")

    def to_json(self) -> bytes:
        """Return the file's content."""
        return self.model_dump_json(by_alias=True, exclude_none=True, indent=2).encode()


def read_report(file: Path) -> KeptReport | None:
    """Return a worker's report, or None if there is no readable one."""
    try:
        return KeptReport.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


class RoundFolder:
    """One round's folder; its path may stand for a folder in S3."""

    def __init__(self, path: Path, mirror: Mirror, variable: Variable = Variable.MODEL_URL) -> None:
        """Read and write nothing yet.

        Args:
            path: The folder.
            mirror: What gave a remote folder its path.
            variable: The environment variable that named it, for error messages.
        """
        self.path = path
        self._mirror = mirror
        self._variable = variable

    @property
    def number(self) -> int:
        """The round's number, from 1; 0 for a folder whose name is not a number."""
        return int(self.path.name) if self.path.name.isdecimal() else 0

    @property
    def samples(self) -> Path:
        """The lines that the round was given, and the samples that earlier rounds missed."""
        return self.path / "samples.txt"

    @property
    def given(self) -> Path:
        """The index file that the LocalController wrote for the round.

        On a cluster only the present round's folder is mounted.
        """
        return self.path.parents[1] / "data" / "train" / self.path.name / "data.txt"

    @property
    def recorded(self) -> Path | None:
        """`samples`, or what is there in its place if no worker came so far; None: neither."""
        return next((file for file in (self.samples, self.given) if file.exists()), None)

    @property
    def held_out(self) -> Path:
        """What this round and earlier ones were judged on, CSV."""
        return self.path / "held-out.csv"

    @property
    def train_quarantine(self) -> Path:
        """The samples that training left out, CSV."""
        return self.path / "train-quarantine.csv"

    @property
    def eval_quarantine(self) -> Path:
        """The samples that evaluation left out, CSV."""
        return self.path / "eval-quarantine.csv"

    @property
    def training_state(self) -> Path:
        """Where a training that was killed resumes, saved after each epoch, NPZ."""
        return self.path / "training-state.npz"

    @property
    def is_completed(self) -> bool:
        """Whether the round's model was reported and the LocalController took the report."""
        report = read_report(self.path / TRAIN_REPORT_FILE)
        return (
            report is not None
            and report.delivered is not None
            and report.message is not None
            and report.message.status is WorkerStatus.COMPLETED
        )

    def make(self) -> None:
        """Make the folder if it is missing; raises SettingsError if it cannot be written to."""
        make_folder(self.path, self._variable)

    def earlier(self) -> list["RoundFolder"]:
        """Return the folders of the rounds before this one, the oldest first."""
        if not self.path.name.isdecimal():
            return []
        folders = (self.path.parent, self.given.parents[1])
        names = {path.name for folder in folders for path in folder.glob("*")}
        numbers = sorted(int(name) for name in names if name.isdecimal())
        paths = (self.path.with_name(str(each)) for each in numbers if each < self.number)
        return [RoundFolder(path, self._mirror, self._variable) for path in paths]

    def pull(self, file: Path) -> Path | None:
        """Return one of the folder's files, downloaded if it is remote, or None if it is missing.

        Raises SettingsError or TemporaryError if storage cannot be read.
        """
        self._mirror.pull(self.path, {file.name}, self._variable)
        return file if file.exists() else None

    def pull_records(self) -> None:
        """Download what a train worker reads of all rounds; raises as `pull` does."""
        names: Collection[str] = {
            self.samples.name,
            self.train_quarantine.name,
            TRAIN_REPORT_FILE,
        }
        self._mirror.pull(self.path.parent, names, self._variable)
        self._mirror.pull(self.given.parents[1], {self.given.name}, self._variable)

    def publish(self, file: Path) -> None:
        """Upload one of the folder's files if the folder is remote.

        Raises SettingsError or TemporaryError if storage cannot be written.
        """
        self._mirror.publish(file, self._variable)
