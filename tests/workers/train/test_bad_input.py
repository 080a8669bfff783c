"""What a user sees who gave the train worker something wrong: the whole process, for real."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mindspore
import pytest

from backend.errors import DatasetError, ImageError, ModelFileError, SettingsError
from tests.local_controller import FakeLocalController
from workers.contract import WorkerStatus

pytestmark = pytest.mark.e2e

Train = Callable[[int], str]


@pytest.fixture
def train(worker_environment: dict[str, str], local_controller: FakeLocalController) -> Train:
    """Run the worker; return its one sentence. It reports, and leaves no half-written model."""

    def run(expected_status: int) -> str:
        command = [sys.executable, "-m", "workers", "train"]
        done = subprocess.run(
            command,
            env=worker_environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == expected_status, done.stderr
        assert "Traceback" not in done.stderr
        assert not list(Path(worker_environment["MODEL_URL"]).glob("*model*"))
        assert local_controller.next_message().status is WorkerStatus.FAILED
        (error,) = (line for line in done.stderr.splitlines() if " ERROR " in line)
        return error

    return run


def test_a_missing_variable_is_named(worker_environment: dict[str, str], train: Train) -> None:
    del worker_environment["BASE_MODEL_URL"]
    assert "BASE_MODEL_URL is not set" in train(SettingsError.exit_status)


def test_a_missing_index_is_named(train: Train, tmp_path: Path) -> None:
    (tmp_path / "index.txt").unlink()
    assert f"{tmp_path / 'index.txt'}" in train(DatasetError.exit_status)


def test_an_unknown_label_is_named_with_its_line_and_the_classes(
    train: Train, tmp_path: Path
) -> None:
    with (tmp_path / "index.txt").open("a") as index:
        index.write("0.png wolf\n")
    told = train(DatasetError.exit_status)
    assert "line 5" in told
    assert "'wolf'" in told
    assert "cat, dog" in told


def test_a_file_that_is_no_image_is_named(train: Train, tmp_path: Path) -> None:
    (tmp_path / "2.png").write_text("I am no picture")
    assert f"{tmp_path / '2.png'}" in train(ImageError.exit_status)


def test_a_checkpoint_of_another_network_is_named(
    worker_environment: dict[str, str], train: Train, tmp_path: Path
) -> None:
    other = tmp_path / "other.ckpt"
    mindspore.save_checkpoint(mindspore.nn.Dense(3, 2), str(other))
    worker_environment["BASE_MODEL_URL"] = str(other)
    told = train(ModelFileError.exit_status)
    assert f"{other}" in told
    assert "mobilenetv2" in told


def test_a_damaged_checkpoint_is_named(
    worker_environment: dict[str, str], train: Train, base_model: Path
) -> None:
    half = base_model.with_name("half.ckpt")
    half.write_bytes(base_model.read_bytes()[:100_000])
    worker_environment["BASE_MODEL_URL"] = str(half)
    assert f"{half}" in train(ModelFileError.exit_status)
