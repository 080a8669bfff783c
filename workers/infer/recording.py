"""Keeps hard examples without making clients wait for the disk."""

import logging
from queue import Full, Queue
from threading import Thread
from typing import NamedTuple

from workers.data.answers import HardExample
from workers.infer.hard_examples import HardExampleStore

__all__ = ["HardExampleRecorder"]

_QUEUE_SIZE = 32

_log = logging.getLogger(__name__)


class _Item(NamedTuple):
    name: str
    picture: bytes
    example: HardExample


class HardExampleRecorder:
    """Saves to a store in its own thread; `close` waits until everything is on disk."""

    def __init__(self, store: HardExampleStore) -> None:
        """Start the thread."""
        self.store = store
        self._queue: Queue[_Item | None] = Queue(_QUEUE_SIZE)
        self._thread = Thread(target=self._work, name="hard-examples", daemon=True)
        self._thread.start()
        self.dropped = 0

    def record(self, name: str, picture: bytes, example: HardExample) -> None:
        """Queue a picture to be saved; if the disk does not keep up, it is dropped and counted."""
        try:
            self._queue.put_nowait(_Item(name, picture, example))
        except Full:
            self.dropped += 1

    def close(self) -> None:
        """Save what is queued; nothing may be recorded afterwards."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while item := self._queue.get():
            try:
                self.store.save(*item)
            except OSError as error:
                self.dropped += 1
                _log.warning("a hard example is lost: %s", error)
