"""``python -m workers.train``."""

from collections.abc import Sequence
from functools import partial

from workers.contract import WorkerKind
from workers.sedna.process import run_round, run_worker
from workers.train.training import train

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the train worker and return its exit status."""
    return run_worker("train", partial(run_round, WorkerKind.TRAIN, work=train), argv)


if __name__ == "__main__":
    raise SystemExit(main())
