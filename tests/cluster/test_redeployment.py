"""A running job that is changed, loses its inference pod, or loses the link to its node.

Environment: that of test_rounds; CUT_LINK and MEND_LINK, shell commands that cut the node of
EDGE_NODE off from the cloud and connect it again, without which the outage test is skipped.
"""

import asyncio
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.kubernetes.runner import KubernetesRunner
from jobs.resources.loader import load_documents, load_job
from jobs.status import JobStatus
from tests.cluster.node_folder import kubectl
from tests.cluster.test_rounds import Job

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        "SEDNA_CLUSTER" not in os.environ, reason="no cluster: see `make test-cluster`"
    ),
]

_INFERENCE = "incrementallearningjob.sedna.io/worker-type=inference"
_WAIT_SECONDS = 180
_OUTAGE_SECONDS = 500
"""A node counts as unreachable after 40 to 50 seconds, and its pods are deleted 300 later."""


class _SeenError(Exception):
    pass


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    """A job whose inference pod runs; everything is taken away afterwards."""
    job = Job(tmp_path, is_hot_update=True)
    runner(job).apply()
    kubectl("wait", "--for=condition=Complete", "job/dog-croissants-prepare", "--timeout=180s")
    job.open_folder()
    inference_pod()
    yield job
    kubectl("delete", "-f", str(job.manifests), "--wait")
    job.files.close()


def runner(job: Job) -> KubernetesRunner:
    return KubernetesRunner(load_job([job.manifests]), load_documents([job.manifests]))


def inference_pod() -> dict[str, object]:
    """Return the one inference pod when it is ready."""
    kubectl("wait", "--for=create", "pod", f"--selector={_INFERENCE}", "--timeout=180s")
    kubectl("wait", "--for=condition=Ready", "pod", f"--selector={_INFERENCE}", "--timeout=180s")
    [pod] = json.loads(kubectl("get", "pods", f"--selector={_INFERENCE}", "--output=json"))["items"]
    found: dict[str, object] = pod
    return found


def uid(pod: dict[str, object]) -> str:
    metadata = pod["metadata"]
    assert isinstance(metadata, dict)
    return str(metadata["uid"])


def shell(command: str) -> None:
    subprocess.run(command, shell=True, check=True)  # noqa: S602 - the user's own command


async def see(job: Job, predicate: Callable[[JobStatus], object], seconds: float) -> bool:
    """Return whether a status of which ``predicate`` holds comes in time."""

    def look(status: JobStatus) -> None:
        if predicate(status):
            raise _SeenError

    try:
        async with asyncio.timeout(seconds):
            await runner(job).watch(look)
    except _SeenError:
        return True
    except TimeoutError:
        pass
    return False


def test_a_changed_template_and_a_deleted_pod_cost_no_condition(job: Job) -> None:
    first, conditions = inference_pod(), runner(job).status().conditions
    manifest = job.manifests / "job.yaml"
    inbox = "- {name: infer_url, value: /inbox}"
    added = f'{inbox}\n              - {{name: added, value: "1"}}'
    manifest.write_text(manifest.read_text().replace(inbox, added))
    runner(job).apply()
    second = inference_pod()
    assert uid(second) != uid(first)
    assert "'added'" in str(second["spec"])

    kubectl("delete", "pod", f"--selector={_INFERENCE}", "--wait")
    runner(job).restore()
    assert uid(inference_pod()) not in {uid(first), uid(second)}
    assert runner(job).status().conditions[: len(conditions)] == conditions


@pytest.mark.skipif("CUT_LINK" not in os.environ, reason="CUT_LINK does not say how to cut a link")
async def test_an_outage_is_told_and_costs_no_pod(job: Job) -> None:
    before = inference_pod()
    shell(os.environ["CUT_LINK"])
    try:
        assert await see(job, lambda each: "has been offline since" in each.problem, _WAIT_SECONDS)
        lost = await see(job, lambda each: "marked for deletion" in each.problem, _OUTAGE_SECONDS)
        assert not lost
    finally:
        shell(os.environ["MEND_LINK"])
    assert await see(job, lambda each: not each.problem, _WAIT_SECONDS)
    assert uid(inference_pod()) == uid(before)
