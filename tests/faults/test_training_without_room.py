"""A train worker on a disk too small for its model: it waits for room, and loses nothing."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from backend.errors import WriteError
from backend.models import model_file
from tests.faults.disks import SmallDisk
from tests.local_controller import FakeLocalController
from tests.workers.conftest import base_model, identity, local_controller, worker_environment
from workers.contract import WorkerStatus

__all__ = ["base_model", "identity", "local_controller", "worker_environment"]

pytestmark = pytest.mark.e2e


def train(environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "workers", "train"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("fine_tune", ["head", "full"])
def test_a_restarted_worker_ends_the_round_once_there_is_room(
    worker_environment: dict[str, str],
    local_controller: FakeLocalController,
    tmp_path: Path,
    fine_tune: str,
) -> None:
    with SmallDisk.mounted(tmp_path / "disk") as disk:
        output = disk.folder / "1"
        environment = worker_environment | {"MODEL_URL": str(output), "fine_tune": fine_tune}
        environment |= {"batch_size": "2"}

        full = train(environment)

        assert full.returncode == WriteError.exit_status, full.stderr
        assert "free disk space" in full.stderr.splitlines()[-1]
        assert local_controller.messages.empty()
        assert not [path for path in output.iterdir() if path.suffix in {".ckpt", ".onnx"}]
        disk.grow()

        done = train(environment)

        assert done.returncode == 0, done.stderr
        assert local_controller.next_message().status is WorkerStatus.COMPLETED
        assert model_file.read(output / "model.ckpt").card
        assert model_file.read(output / "model.onnx").card
