"""Sedna's pods restart on failure: a train worker that was killed goes on."""

import subprocess
import sys
from pathlib import Path

import pytest
from watchfiles import watch

from tests.local_controller import FakeLocalController
from workers.contract import WorkerStatus

pytestmark = pytest.mark.e2e

COMMAND = [sys.executable, "-m", "workers", "train"]


def _kill_after_first_epoch(environment: dict[str, str], state: Path) -> None:
    with subprocess.Popen(COMMAND, env=environment, stderr=subprocess.DEVNULL) as worker:
        for _ in watch(state.parent, yield_on_timeout=True, rust_timeout=200):
            if state.exists():
                worker.kill()
                return
            assert worker.poll() is None, "it ended without a state"


def test_a_killed_training_goes_on_compiles_nothing_again_and_is_reported_once(
    worker_environment: dict[str, str], local_controller: FakeLocalController
) -> None:
    folder = Path(worker_environment["MODEL_URL"])
    folder.mkdir(parents=True)
    state = folder / "training-state.npz"
    environment = worker_environment | {"epochs": "30", "batch_size": "4"}
    _kill_after_first_epoch(environment, state)
    assert not (folder / "model.ckpt").exists()

    done = subprocess.run(
        COMMAND, env=environment, capture_output=True, text=True, timeout=200, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "training resumes where it stopped" in done.stderr
    assert "epoch 1/30" not in done.stderr
    assert "the compiled graph is taken from here" in done.stderr
    assert local_controller.next_message().status is WorkerStatus.COMPLETED
    assert local_controller.messages.empty()
    assert (folder / "model.ckpt").exists()
    assert not state.exists()
