"""Rounds under Sedna's real GlobalManager and LocalController, on a real Kubernetes.

`make cluster SEDNA=path/to/sedna` builds and starts them; KUBECONFIG names the cluster.
"""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchfiles import awatch

from backend.models import model_file
from demo.dataset import append_samples
from demo.pictures import Condition, render_folder
from jobs.kubernetes.runner import KubernetesRunner
from jobs.resources.loader import load_documents, load_job
from jobs.status import JobStatus, Outcome
from workers.data.answers import Answer
from workers.infer.inbox import DONE_FOLDER

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        "SEDNA_CLUSTER" not in os.environ, reason="no cluster: see `make test-cluster`"
    ),
]

MANIFESTS = Path(__file__).parents[2] / "manifests"
ROUNDS = 2
LONGEST_ROUND = 600
"""Seconds: a round of short workers takes 42 s, and Sedna can lose minutes of its own."""


class _AllEndedError(Exception):
    def __init__(self, status: JobStatus) -> None:
        super().__init__()
        self.status = status


class Job:
    """The manifests, edited where they say that a user edits them, and the node's folder."""

    def __init__(self, folder: Path, data: Path, *, is_hot_update: bool) -> None:
        """Write the edited manifests into ``folder``."""
        self.data = data
        self.folder = folder
        self.pictures = folder / "pictures"
        edits = {
            "/data/dog-croissants": str(data),
            "threshold: 100": "threshold: 40",
            "threshold: 0.02": "threshold: -1",
            "hotUpdateEnabled: true": f"hotUpdateEnabled: {json.dumps(is_hot_update)}",
            # Kubernetes 1.20 knows a CronJob under this name alone.
            "apiVersion: batch/v1\nkind: CronJob": "apiVersion: batch/v1beta1\nkind: CronJob",
        }
        self.manifests = folder / "manifests"
        self.manifests.mkdir()
        for manifest in MANIFESTS.glob("*.yaml"):
            text = manifest.read_text()
            for old, new in edits.items():
                text = text.replace(old, new)
            (self.manifests / manifest.name).write_text(text)

    def feed(self, condition: Condition, seed: int) -> None:
        """Put 60 labelled pictures into the dataset; 48 of them are the train share."""
        pictures = render_folder(self.pictures / f"{condition}", condition, 60, seed)
        append_samples(self.data / "dataset" / "index.txt", pictures)

    async def follow(self) -> JobStatus:
        """Return the status when all rounds have ended; feed the second when the first has."""

        def look(status: JobStatus) -> None:
            if status.rounds_ended >= ROUNDS:
                raise _AllEndedError(status)
            if status.rounds_ended == 1 and not (self.pictures / Condition.NIGHT).exists():
                self.feed(Condition.NIGHT, seed=2)

        runner = KubernetesRunner(load_job([self.manifests]), load_documents([self.manifests]))
        try:
            async with asyncio.timeout(ROUNDS * LONGEST_ROUND):
                await runner.watch(look)
        except _AllEndedError as ended:
            return ended.status
        raise AssertionError("somebody deleted the job")

    async def await_version(self, model: Path) -> None:
        """Return when the inference worker answers a new picture with ``model``."""
        digest = hashlib.sha256(model_file.read(model).payload).hexdigest()
        pictures = render_folder(self.folder / "inbox", Condition.NIGHT, 120, seed=3)
        async with asyncio.timeout(LONGEST_ROUND):
            for picture, _ in pictures:
                if digest.startswith((await self._answer(picture)).model_version):
                    return

    async def _answer(self, picture: Path) -> Answer:
        inbox = self.data / "inbox"
        answer = inbox / DONE_FOLDER / f"{picture.name}.json"
        shutil.copyfile(picture, inbox / picture.name)
        async for _ in awatch(inbox, yield_on_timeout=True, rust_timeout=1000):
            if answer.exists():
                break
        return Answer.model_validate_json(answer.read_bytes())


def kubectl(*arguments: object) -> None:
    program = shutil.which("kubectl") or "kubectl"
    subprocess.run([program, *map(str, arguments)], check=True)


@pytest.fixture(params=[True, False], ids=["hot-update", "new-pod"])
def job(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Job]:
    """Apply the manifests to the cluster; take everything away afterwards."""
    data = Path("/data") / tmp_path.name
    job = Job(tmp_path, data, is_hot_update=request.param)
    kubectl("apply", "-f", job.manifests)
    kubectl("wait", "--for=condition=Complete", "job/dog-croissants-prepare", "--timeout=180s")
    yield job
    kubectl("delete", "-f", job.manifests, "--wait")
    shutil.rmtree(data)


async def test_two_rounds_train_evaluate_and_deploy(job: Job) -> None:
    job.feed(Condition.DAY, seed=1)

    status = await job.follow()

    assert [each.outcome for each in status.rounds[:ROUNDS]] == [Outcome.DEPLOYED] * ROUNDS
    trained = job.data / "output" / "train" / f"{ROUNDS}" / "model.onnx"
    await job.await_version(trained)
    # Compiled in the first round's pod: the second's had no other to compile.
    assert len(list((job.data / "output" / "train" / "cache").glob("graph-*.npz"))) == 1
