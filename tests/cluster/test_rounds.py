"""Rounds under Sedna's real GlobalManager and LocalController, on the cluster of KUBECONFIG.

Environment: EDGE_NODE, the node that runs the workers (default: edge-node); REGISTRY and TAG of
the images, as for `make deploy`.
"""

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from backend.models import model_file
from demo.pictures import Light, render_folder
from jobs.kubernetes.runner import KubernetesRunner
from jobs.resources.loader import load_documents, load_job
from jobs.status import JobStatus, Outcome
from tests.cluster.node_folder import NodeFolder, kubectl
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

NODE = os.environ.get("EDGE_NODE") or "edge-node"
REGISTRY = f"{os.environ['REGISTRY']}/" if os.environ.get("REGISTRY") else ""
TAG = os.environ.get("TAG") or "0.1.0"


class _AllEndedError(Exception):
    def __init__(self, status: JobStatus) -> None:
        super().__init__()
        self.status = status


class Job:
    """The manifests, edited where they say that a user edits them, and the node's folder."""

    def __init__(self, folder: Path, *, is_hot_update: bool) -> None:
        """Write the edited manifests into ``folder``."""
        self.data = PurePosixPath("/data") / folder.name
        self.folder = folder
        self._index = b""
        edits = {
            "/data/dog-croissants": str(self.data),
            "nodeName: edge-node": f"nodeName: {NODE}",
            "threshold: 100": "threshold: 40",
            "threshold: 0.95": "threshold: -1",
            "hotUpdateEnabled: true": f"hotUpdateEnabled: {json.dumps(is_hot_update)}",
        }
        self.manifests = folder / "manifests"
        self.manifests.mkdir()
        for manifest in MANIFESTS.glob("*.yaml"):
            text = manifest.read_text()
            for old, new in edits.items():
                text = text.replace(old, new)
            text = re.sub(r"image: (sedna-tinyms/[a-z]+):\S+", rf"image: {REGISTRY}\1:{TAG}", text)
            (self.manifests / manifest.name).write_text(text)

    def open_folder(self) -> None:
        """See the node's folder, which the prepare Job has made."""
        image = f"{REGISTRY}sedna-tinyms/train:{TAG}"
        self.files = NodeFolder(NODE, self.data, image)

    def feed(self, condition: Light, seed: int) -> None:
        """Put 60 labelled pictures into the dataset; 48 of them are the train share."""
        pictures = render_folder(self.folder / f"{condition}", condition, 60, seed)
        self._index += "".join(f"{path.name} {label}\n" for path, label in pictures).encode()
        contents = {f"dataset/{path.name}": path.read_bytes() for path, _ in pictures}
        self.files.write({**contents, "dataset/index.txt": self._index})

    async def follow(self) -> JobStatus:
        """Return the status when all rounds have ended; feed the second when the first has."""

        def look(status: JobStatus) -> None:
            if status.rounds_ended >= ROUNDS:
                raise _AllEndedError(status)
            if status.rounds_ended == 1 and not (self.folder / Light.NIGHT).exists():
                self.feed(Light.NIGHT, seed=2)

        runner = KubernetesRunner(load_job([self.manifests]), load_documents([self.manifests]))
        try:
            async with asyncio.timeout(ROUNDS * LONGEST_ROUND):
                await runner.watch(look)
        except _AllEndedError as ended:
            return ended.status
        raise AssertionError("the job was deleted")

    async def await_version(self, model: str) -> None:
        """Return when the inference worker answers a new picture with ``model``."""
        copy = self.folder / "model.onnx"
        copy.write_bytes(self.files.read(model))
        digest = hashlib.sha256(model_file.read(copy).payload).hexdigest()
        pictures = render_folder(self.folder / "inbox", Light.NIGHT, 120, seed=3)
        async with asyncio.timeout(LONGEST_ROUND):
            for picture, _ in pictures:
                answer = await asyncio.to_thread(self._answer, picture)
                if digest.startswith(answer.model_version):
                    return

    def _answer(self, picture: Path) -> Answer:
        self.files.write({f"inbox/{picture.name}": picture.read_bytes()})
        answer = self.files.await_file(f"inbox/{DONE_FOLDER}/{picture.name}.json")
        return Answer.model_validate_json(answer)


@pytest.fixture(params=[True, False], ids=["hot-update", "new-pod"])
def job(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Job]:
    """Apply the manifests to the cluster; take everything away afterwards."""
    job = Job(tmp_path, is_hot_update=request.param)
    kubectl("apply", "-f", str(job.manifests))
    kubectl("wait", "--for=condition=Complete", "job/dog-croissants-prepare", "--timeout=180s")
    job.open_folder()
    yield job
    kubectl("delete", "-f", str(job.manifests), "--wait")
    job.files.close()


async def test_two_rounds_train_evaluate_and_deploy(job: Job) -> None:
    job.feed(Light.DAY, seed=1)

    status = await job.follow()

    assert [each.outcome for each in status.rounds[:ROUNDS]] == [Outcome.DEPLOYED] * ROUNDS
    await job.await_version(f"output/train/{ROUNDS}/model.onnx")
    # Compiled in the first round's pod: the second's had no other to compile.
    assert len(job.files.list("output/train/cache/graph-*.npz")) == 1
