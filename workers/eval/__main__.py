"""``python -m workers.eval``."""

from collections.abc import Mapping, Sequence

from workers.contract import WorkerKind
from workers.eval.evaluation import evaluate
from workers.worker import run_round, run_worker

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the eval worker and return its exit status."""
    return run_worker("eval", _work, argv)


def _work(environment: Mapping[str, str]) -> None:
    run_round(WorkerKind.EVAL, environment, evaluate)


if __name__ == "__main__":
    raise SystemExit(main())
