"""Hot update: loads a new model when the LocalController says so, without a restart.

The LocalController copies the model next to ``model_config.json`` and then rewrites that file
in place. A changed ``model_update_time`` is the signal. The worker answers with a report of
kind ``deploy`` and records next to the file which update it has reported, so that a restarted
worker loads the newest model again but reports it once.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from threading import Event

from pydantic import ValidationError

from backend.files import write_atomically
from workers.contract import ModelConfig, ModelHotUpdateConfig, WorkerStatus
from workers.storage.watching import changes

__all__ = ["REPORTED_UPDATE_FILE", "HotUpdate"]

REPORTED_UPDATE_FILE = "reported_update.json"

_log = logging.getLogger(__name__)


class HotUpdate:
    """Watches one ``model_config.json``."""

    def __init__(
        self,
        config_file: Path,
        load: Callable[[Path], None],
        report: Callable[[WorkerStatus], None],
        *,
        poll_period: float = 60.0,
    ) -> None:
        """Watch nothing yet: `run` does.

        Args:
            config_file: ``model_config.json``.
            load: Loads a model file, or raises and leaves the old model in place.
            report: Tells the LocalController how that ended.
            poll_period: Seconds between two checks of the file where changes cause no events.
        """
        self._file = config_file
        self._load = load
        self._report = report
        self._poll_period = poll_period
        self._seen: ModelConfig | None = None
        self._unreported: WorkerStatus | None = None

    def run(self, stop: Event) -> None:
        """Follow updates until ``stop`` is set; no error ends it before."""
        for _ in changes(self._file.parent, self._poll_period, stop):
            self._check()

    def load_latest(self) -> None:
        """Load the newest model if it is not the present one; the report is left to `run`.

        A half-written file is ignored, because its completion is another change.
        """
        config = _read(self._file)
        if config is None or self._is_seen(config):
            return
        status = self._try_to_load(Path(config.model_path))
        self._seen = config
        self._unreported = None if self._is_reported(config) else status

    def _check(self) -> None:
        try:
            self.load_latest()
            self._report_latest()
        except Exception as error:  # noqa: BLE001 - serving continues, and the next check tries again
            _log.warning("hot update: %s", error)

    def _is_seen(self, config: ModelConfig) -> bool:
        return self._seen is not None and self._seen.model_update_time == config.model_update_time

    def _try_to_load(self, model: Path) -> WorkerStatus:
        try:
            self._load(model)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, serving continues
            _log.error("the old model stays: %s: %s", type(error).__name__, error)
            return WorkerStatus.FAILED
        _log.info("serving %s", model)
        return WorkerStatus.COMPLETED

    def _report_latest(self) -> None:
        if self._seen is None or self._unreported is None:
            return
        self._report(self._unreported)
        self._unreported = None
        self._remember_report(self._seen)

    def _remember_report(self, config: ModelConfig) -> None:
        reported = ModelHotUpdateConfig(model_config=config).to_json()
        try:
            write_atomically(self._reported_file, reported.encode())
        except OSError as error:
            _log.warning("a restarted worker would report this update again: %s", error)

    @property
    def _reported_file(self) -> Path:
        return self._file.with_name(REPORTED_UPDATE_FILE)

    def _is_reported(self, config: ModelConfig) -> bool:
        reported = _read(self._reported_file)
        return reported is not None and reported.model_update_time == config.model_update_time


def _read(file: Path) -> ModelConfig | None:
    try:
        return ModelHotUpdateConfig.model_validate_json(file.read_bytes()).model
    except (OSError, ValidationError):
        return None
