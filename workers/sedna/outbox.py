"""What a worker has told the LocalController, or is about to: kept on disk over restarts.

One small file for a round and a kind of worker. The worker claims it when it starts, writes its
report into it before it sends the report, and notes when the LocalController has taken it.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from backend.errors import PermanentError, ProjectError
from backend.files import remove_leftovers, write_atomically
from workers.contract import Variable
from workers.data.round_folder import KeptReport, read_report
from workers.storage import Mirror

__all__ = ["Outbox"]

_log = logging.getLogger(__name__)


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

    def remove_leftovers(self) -> None:
        """Remove what a killed worker of the round had half written next to the report."""
        for file in self._files:
            remove_leftovers(file.parent)

    def read(self) -> KeptReport | None:
        """Return what this worker has kept; raises TemporaryError if storage is away."""
        reports = map(self._read, self._files)
        return next((each for each in reports if each and each.worker == self._worker), None)

    def claim(self) -> bool:
        """Start the round, whatever an earlier worker left; return whether that could be kept."""
        return self.keep(KeptReport(worker=self._worker))

    def keep(self, report: KeptReport) -> bool:
        """Write a report to the first place that takes it; return whether any did."""
        problems: list[str] = []
        for file in self._files:
            try:
                write_atomically(file, report.to_json())
                self._mirror.publish(file, Variable.MODEL_URL)
            except (OSError, ProjectError) as error:
                problems.append(f"{file}: {error}")
            else:
                return True
        if problems:
            _log.warning("the report cannot be kept over a restart: %s", "; ".join(problems))
        return False

    def _read(self, file: Path) -> KeptReport | None:
        try:
            self._mirror.pull(file.parent, {file.name}, Variable.MODEL_URL)
        except PermanentError:
            return None
        return read_report(file)
