"""``python -m workers.infer``."""

from collections.abc import Sequence

from workers.infer.service import infer
from workers.sedna.process import run_service

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the inference worker and return its exit status: 0 after SIGTERM or SIGINT."""
    return run_service("infer", infer, argv)


if __name__ == "__main__":
    raise SystemExit(main())
