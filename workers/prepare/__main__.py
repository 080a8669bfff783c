"""``python -m workers.prepare folders|models``, the steps apart because of who may do them.

``folders`` needs root (CHOWN and DAC_OVERRIDE), ``models`` runs as the workers do. Both can be
repeated; nothing that exists is overwritten.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence

from workers.prepare.folders import prepare_folders
from workers.prepare.models import prepare_models
from workers.sedna.process import run_worker

__all__ = ["main"]

_STEPS: dict[str, Callable[[Mapping[str, str]], None]] = {
    "folders": prepare_folders,
    "models": prepare_models,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Do one step and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="python -m workers prepare", description="Prepare a node for a job."
    )
    parser.add_argument("step", choices=list(_STEPS))
    step = parser.parse_args(arguments[:1]).step
    return run_worker(f"prepare {step}", _STEPS[step], arguments[1:])


if __name__ == "__main__":
    raise SystemExit(main())
