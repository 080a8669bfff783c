"""``python -m workers.label``."""

import signal
from collections.abc import Mapping, Sequence
from threading import Event

from workers.label.service import label
from workers.worker import run_worker

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the labelling worker and return its exit status: 0 after SIGTERM or SIGINT."""
    return run_worker("label", _work, argv)


def _work(environment: Mapping[str, str]) -> None:
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    label(environment, stop)


if __name__ == "__main__":
    raise SystemExit(main())
