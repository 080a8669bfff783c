"""``python -m workers.label``."""

from collections.abc import Sequence

from workers.label.service import label
from workers.sedna.process import run_service

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the labelling worker and return its exit status: 0 after SIGTERM or SIGINT."""
    return run_service("label", label, argv)


if __name__ == "__main__":
    raise SystemExit(main())
