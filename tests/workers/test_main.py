"""`python -m workers` where only `iljob` is installed."""

import subprocess
import sys
from pathlib import Path

import pytest

# Hides a package, as if it were not installed.
WITHOUT = """
import sys

sys.modules[sys.argv.pop(1)] = None
from workers.__main__ import main

sys.exit(main())
"""
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("worker", "extra"), [("infer", "infer"), ("eval", "train")])
def test_a_missing_package_is_told_with_the_extra_that_has_it(worker: str, extra: str) -> None:
    command = [sys.executable, "-c", WITHOUT, "httpx", worker]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 6
    assert done.stderr == (
        f"The {worker} worker needs the package httpx, which is not installed: install this "
        f"project with its extra `{extra}`, or run the worker in a container.\n"
    )
