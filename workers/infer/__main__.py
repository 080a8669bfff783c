"""``python -m workers.infer``."""

from collections.abc import Mapping, Sequence
from threading import Event

from workers.contract import WorkerKind
from workers.infer.service import infer
from workers.sedna.process import run_service
from workers.sedna.session import Session

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the inference worker and return its exit status: 0 after SIGTERM or SIGINT."""

    def serve(environment: Mapping[str, str], stop: Event) -> None:
        infer(Session(WorkerKind.DEPLOY, environment, stop), stop)

    return run_service("infer", serve, argv)


if __name__ == "__main__":
    raise SystemExit(main())
