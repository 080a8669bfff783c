"""The series on a checkout of Sedna: it applies, its tests pass, its example runs a round."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.local_controller import FakeLocalController
from tests.sedna_sdk import (
    REPOSITORY,
    hot_update_config,
    needs_sedna,
    run_worker,
    sedna_lib,
    serve_sednas_local_controller,
    worker_environment,
    write_dataset,
)
from upstream.generate import write_series
from workers.contract import WorkerKind, WorkerStatus

SERIES = sorted((REPOSITORY / "upstream").glob("*.patch"))
EXAMPLE = "examples/incremental_learning/dog_croissants_mobilenetv2"

pytestmark = needs_sedna


def git(folder: Path, *arguments: str) -> bytes:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    command = [shutil.which("git") or "git", *identity, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture(scope="module")
def checkout() -> Path:
    lib = sedna_lib()
    if lib is None or not (lib.parent / ".git").exists():
        pytest.skip("SEDNA_LIB is in no git checkout: the series cannot be applied")
    return lib.parent


@pytest.fixture(scope="module")
def patched(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sedna's Python files with the series applied by ``git am``."""
    folder = tmp_path_factory.mktemp("sedna")
    archive = git(checkout, "archive", "HEAD", "lib", "docs/index.rst")
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=Sedna")
    git(folder, "am", *map(str, SERIES))
    return folder


def python_path(patched: Path) -> str:
    return f"{patched / 'lib'}:{os.environ['PYTHONPATH']}"


def test_the_sources_make_the_same_bytes_again(checkout: Path, tmp_path: Path) -> None:
    assert {path.name: path.read_bytes() for path in write_series(checkout, tmp_path)} == {
        path.name: path.read_bytes() for path in SERIES
    }


def test_sednas_style_check_passes(patched: Path) -> None:
    run_worker(["-m", "pycodestyle", str(patched / "lib"), str(patched / EXAMPLE)], os.environ)


def test_its_unit_tests_pass(patched: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unittest", "discover", "tests"],
        cwd=patched / "lib",
        env={**os.environ, "PYTHONPATH": python_path(patched)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "skipped" not in done.stderr


@dataclass
class Round:
    """One round of the example: its workers share a node and an LC."""

    training: Path
    node: Path
    local_controller: FakeLocalController
    variables: dict[str, str]

    def environment(self, kind: str, **variables: str) -> dict[str, str]:
        return worker_environment(
            kind, self.local_controller.url, **{**self.variables, **variables}
        )

    def run(self, script: str, *arguments: str, **variables: str) -> str:
        command = [str(self.training / script), *arguments]
        return run_worker(command, self.environment(Path(script).stem, **variables))


@pytest.fixture(params=["MINDSPORE", "TINYMS"])
def job(request: pytest.FixtureRequest, patched: Path, tmp_path: Path) -> Iterator[Round]:
    with serve_sednas_local_controller() as controller:
        index = write_dataset(tmp_path / "dataset")
        yield Round(
            patched / EXAMPLE / "training",
            tmp_path,
            controller,
            {
                "PYTHONPATH": python_path(patched),
                "BACKEND_TYPE": str(request.param),
                "ORIGINAL_DATASET_URL": str(index),
                "TRAIN_DATASET_URL": str(index),
                "TEST_DATASET_URL": str(index),
                "DATA_PATH_PREFIX": str(tmp_path),
                "input_shape": "32",
                "epochs": "1",
            },
        )


@pytest.mark.e2e
def test_its_example_trains_evaluates_and_updates_the_inference_worker(job: Round) -> None:
    initial, deployed = job.node / "initial.ckpt", job.node / "deploy.ckpt"
    job.run("initial_model.py", str(initial))
    shutil.copy(initial, deployed)

    output = job.node / "output" / "train" / "1"
    job.run("train.py", BASE_MODEL_URL=str(initial), MODEL_URL=str(output))
    trained = job.local_controller.next_message()
    assert (trained.kind, trained.status) == (WorkerKind.TRAIN, WorkerStatus.COMPLETED)
    candidate = Path(f"{job.node}{trained.results[0].url}")
    assert candidate.parent == output
    assert initial.read_bytes() == deployed.read_bytes() != candidate.read_bytes()

    job.run("eval.py", MODEL_URLS=f"{candidate};{deployed}")
    evaluated = job.local_controller.next_message()
    assert evaluated.kind is WorkerKind.EVAL
    assert [result.url for result in evaluated.results] == [
        trained.results[0].url,
        "/deploy.ckpt",
    ]
    assert all(len(result.metrics["accuracy"]) == 1 for result in evaluated.results)

    infer_and_update(job, deployed, candidate)


def infer_and_update(job: Round, deployed: Path, candidate: Path) -> None:
    inbox, hard_examples = job.node / "inbox", job.node / "hard-examples"
    inbox.mkdir()
    hard_examples.mkdir()
    config = job.node / "model_config.json"
    variables = job.environment(
        "inferworker",
        MODEL_URL=str(deployed),
        infer_url=str(inbox),
        HE_SAVED_URL=str(hard_examples),
        HEM_NAME="CrossEntropy",
        HEM_PARAMETERS=json.dumps([{"key": "threshold_cross_entropy", "value": "1"}]),
        MODEL_HOT_UPDATE="true",
        MODEL_POLL_PERIOD_SECONDS="1",
        MODEL_HOT_UPDATE_CONFIG=str(config),
        TMPDIR=str(job.node),
    )
    command = [sys.executable, str(job.training / "inference.py")]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as worker:
        try:
            assert worker.stdout is not None
            shutil.copy(job.node / "dataset" / "0.png", inbox)
            assert worker.stdout.readline().startswith("0.png: ")
            config.write_text(hot_update_config(candidate), encoding="utf-8")
            message = job.local_controller.next_message()
            assert (message.kind, message.status) == (WorkerKind.DEPLOY, WorkerStatus.COMPLETED)
            shutil.copy(job.node / "dataset" / "1.png", inbox)
            assert worker.stdout.readline().startswith("1.png: ")
        finally:
            worker.kill()
    assert (hard_examples / "0.png").is_file()
