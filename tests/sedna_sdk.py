"""A Sedna SDK to test against: whether there is one, its workers as processes, and their LC.

Sedna reads the environment when its classes are defined, so each worker is a process.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.local_controller import FakeLocalController, serve_local_controller

REPOSITORY = Path(__file__).parent.parent
CLASSES = ("croissant", "dog")

_REASON = "no Sedna SDK is importable: run `make test-sedna SEDNA_LIB=path/to/sedna/lib`"


def sedna_lib() -> Path | None:
    """Return the folder of Sedna's SDK, if its ``sedna`` and what it imports are importable."""
    spec = importlib.util.find_spec("sedna")
    if spec is None or spec.origin is None or importlib.util.find_spec("colorlog") is None:
        return None
    package = Path(spec.origin).parent
    return package.parent if (package / "core" / "incremental_learning").is_dir() else None


needs_sedna = pytest.mark.skipif(sedna_lib() is None, reason=_REASON)


def serve_sednas_local_controller() -> AbstractContextManager[FakeLocalController]:
    """Serve an LC for workers that import two frameworks before they say anything."""
    return serve_local_controller(patience=60)


def worker_environment(kind: str, lc_server: str, **variables: str) -> dict[str, str]:
    """Return what the GlobalManager gives to a worker, and this process's own environment."""
    return {
        **os.environ,
        "NAMESPACE": "default",
        "JOB_NAME": "dog-croissants",
        "WORKER_NAME": f"{kind}-abcde",
        "LC_SERVER": lc_server,
        "DATA_PATH_PREFIX": "/home/data",
        **variables,
    }


def run_worker(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run a worker to its end and return its output; fails with its errors."""
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_dataset(folder: Path, count: int = 8) -> Path:
    """Write images of two classes, the dogs brighter, and their index; return its path."""
    generator = np.random.default_rng(0)
    lines = []
    folder.mkdir(parents=True)
    for number in range(count):
        label = number % 2
        pixels = generator.integers(120 * label, 100 + 120 * label, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        lines.append(f"{number}.png {CLASSES[label]}\n")
    index = folder / "index.txt"
    index.write_text("".join(lines), encoding="utf-8")
    return index


def hot_update_config(model: Path) -> str:
    """Return what the LC writes when it deploys a model by hot update."""
    time = "2026-11-22 11:45:39.12 +0000 UTC m=+223.4"
    return json.dumps({"model_config": {"model_path": str(model), "model_update_time": time}})
