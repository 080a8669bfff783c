"""When to look into a folder: after every change, and regularly in case one was missed."""

import logging
from collections.abc import Iterator
from pathlib import Path
from threading import Event

from watchfiles import watch

__all__ = ["changes"]

_DEBOUNCE_MILLISECONDS = 200

_log = logging.getLogger(__name__)


def changes(folder: Path, period: float, stop: Event) -> Iterator[None]:
    """Yield now, after changes in ``folder``, and every ``period`` seconds, until ``stop``.

    A folder that cannot be watched, because it is missing or its file system has no events, is
    looked at every ``period`` seconds.
    """
    while not stop.is_set():
        yield
        try:
            for _ in watch(
                folder,
                watch_filter=None,
                debounce=_DEBOUNCE_MILLISECONDS,
                rust_timeout=max(1, round(period * 1000)),
                yield_on_timeout=True,
                stop_event=stop,
                recursive=False,
            ):
                yield
        except (OSError, RuntimeError) as error:
            _log.warning("%s cannot be watched (%s): looking every %g s", folder, error, period)
            stop.wait(period)
