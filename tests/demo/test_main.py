"""The demo's command, started again and interrupted."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_it_says_that_it_starts_over_and_when_stopped_how_to_continue(tmp_path: Path) -> None:
    root = tmp_path / "run"
    root.mkdir()
    (root / ".sedna-tinyms-demo").touch()
    (root / "left-over").touch()
    with subprocess.Popen(
        [sys.executable, "-m", "demo", "--root", str(root)],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "500"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Starting over: ")
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert not (root / "left-over").exists()
    (sentence,) = told.splitlines()
    assert sentence.startswith("The demo was stopped: run it again to start over")
    assert f"iljob run manifests --root {root}" in sentence
