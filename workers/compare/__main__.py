"""``python -m workers compare MODEL... --index FILE``: a JSON list of judgements."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

from backend.errors import ProjectError
from workers.compare.comparison import compare
from workers.judgement import Judgement

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Compare the models and return the exit status; an error is one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="python -m workers compare")
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--index", type=Path, required=True, metavar="FILE")
    arguments = parser.parse_args(argv)
    try:
        judgements = compare(arguments.models, arguments.index, os.environ)
    except ProjectError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    sys.stdout.write(TypeAdapter(list[Judgement]).dump_json(judgements).decode() + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
