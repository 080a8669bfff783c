"""``python -m workers.eval``."""

from collections.abc import Sequence
from functools import partial

from workers.contract import WorkerKind
from workers.eval.evaluation import evaluate
from workers.sedna.process import run_round, run_worker

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the eval worker and return its exit status."""
    return run_worker("eval", partial(run_round, WorkerKind.EVAL, work=evaluate), argv)


if __name__ == "__main__":
    raise SystemExit(main())
