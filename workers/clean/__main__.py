"""``python -m workers.clean``: runs in a pod, as an account that may list and delete pods."""

from collections.abc import Mapping, Sequence

from workers.clean.pods import clean
from workers.clean.settings import CleanSettings
from workers.sedna.process import run_worker

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Clean once and return the exit status."""
    return run_worker("clean", _work, argv)


def _work(environment: Mapping[str, str]) -> None:
    clean(CleanSettings.from_environment(environment))


if __name__ == "__main__":
    raise SystemExit(main())
