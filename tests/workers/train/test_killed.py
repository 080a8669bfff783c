"""Sedna's pods restart on failure: a train worker that was killed goes on."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.local_controller import FakeLocalController
from workers.contract import WorkerStatus

pytestmark = pytest.mark.e2e

COMMAND = [sys.executable, "-m", "workers", "train"]


def _kill_in_second_epoch(environment: dict[str, str]) -> None:
    with subprocess.Popen(COMMAND, env=environment, stderr=subprocess.PIPE, text=True) as worker:
        assert worker.stderr
        assert any("epoch 2/" in line for line in worker.stderr), "it ended early"
        worker.kill()


def test_a_killed_training_goes_on_compiles_nothing_again_and_is_reported_once(
    worker_environment: dict[str, str], local_controller: FakeLocalController
) -> None:
    folder = Path(worker_environment["MODEL_URL"])
    folder.mkdir(parents=True)
    state = folder / "training-state.npz"
    # So many that it is killed before the last one, however busy the machine is.
    environment = worker_environment | {"epochs": "200", "batch_size": "4"}
    _kill_in_second_epoch(environment)
    assert state.exists()
    assert not (folder / "model.ckpt").exists()

    done = subprocess.run(
        COMMAND, env=environment, capture_output=True, text=True, timeout=200, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "training resumes where it stopped" in done.stderr
    assert "epoch 1/200" not in done.stderr
    assert "the compiled graph is taken from here" in done.stderr
    assert local_controller.next_message().status is WorkerStatus.COMPLETED
    assert local_controller.messages.empty()
    assert (folder / "model.ckpt").exists()
    assert not state.exists()
