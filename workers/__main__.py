"""``python -m workers WORKER``: what a container's ``args`` choose."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the named worker and return its exit status; further arguments are the worker's."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="python -m workers", description="Run a Sedna worker.")
    parser.add_argument("worker", choices=["train", "eval", "infer", "label", "prepare", "clean"])
    worker = parser.parse_args(arguments[:1]).worker
    status: int = import_module(f"workers.{worker}.__main__").main(arguments[1:])
    return status


if __name__ == "__main__":
    raise SystemExit(main())
