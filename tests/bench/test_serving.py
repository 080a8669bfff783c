"""``python -m bench.serving``, on a small model and for a moment."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.brightness_model import SIDE, write_model


@pytest.mark.timeout(120)
def test_sides_updates_and_memory_are_measured(tmp_path: Path) -> None:
    model, figures = write_model(tmp_path / "model.onnx"), tmp_path / "figures.json"
    other = write_model(tmp_path / "other.onnx", sharpness=2.0)
    options = {"--input-size": SIDE, "--seconds": 0.5, "--updates": 2, "--requests": 16}
    arguments = [f"{name}={value}" for name, value in options.items()]

    command = [sys.executable, "-m", "bench.serving", str(model), f"--other={other}"]
    subprocess.run([*command, *arguments, f"--json={figures}"], check=True)

    seen = json.loads(figures.read_text())
    sides = seen["sides"]
    assert list(sides) == ["bare session", "this worker"]
    assert all(each["one_ms"] > 0 and each["images_per_second"] > 0 for each in sides.values())
    assert seen["updates"]["failed"] == 0
    assert (seen["memory"]["requests"], seen["memory"]["failed"]) == (16, 0)
