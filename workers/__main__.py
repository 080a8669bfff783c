"""``python -m workers WORKER``: what a container's ``args`` choose."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from backend.errors import MissingPackageError

__all__ = ["main"]

_TRAINING = ["train", "eval", "compare"]
_WORKERS = [*_TRAINING, "infer", "label", "prepare", "clean"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the named worker and return its exit status; further arguments are the worker's."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="python -m workers", description="Run a Sedna worker.")
    parser.add_argument("worker", choices=_WORKERS)
    worker = parser.parse_args(arguments[:1]).worker
    try:
        module = import_module(f"workers.{worker}.__main__")
        status: int = module.main(arguments[1:])
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in {"backend", "workers"}:
            raise
        extra = "train" if worker in _TRAINING else "infer"
        sys.stderr.write(
            f"The {worker} worker needs the package {error.name}, which is not installed: install "
            f"this project with its extra `{extra}`, or run the worker in a container.\n"
        )
        return MissingPackageError.exit_status
    return status


if __name__ == "__main__":
    raise SystemExit(main())
