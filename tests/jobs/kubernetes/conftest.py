"""A cluster that listens, the kubeconfig that names it, and a runner that follows a job on it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import kmock
import pytest
import yaml

from jobs.kubernetes import inference, observer
from jobs.kubernetes.runner import KubernetesRunner
from jobs.resources.loader import load_documents, load_job
from jobs.status import JobStatus
from tests.jobs.conftest import WHOLE_ROUND, Job, resource
from tests.jobs.kubernetes.sedna_cluster import Sedna, SednaCluster

SECONDS = 20.0


@pytest.fixture
async def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SednaCluster]:
    """A cluster with Sedna and the node ``edge``."""
    for module in (observer, inference):
        monkeypatch.setattr(module, "_SECONDS_BETWEEN_LOOKS", 0.05)
    async with SednaCluster() as cluster, kmock.Server(cluster) as server:
        cluster.define()
        monkeypatch.setenv("KUBECONFIG", str(write_kubeconfig(tmp_path, str(server.url))))
        yield cluster


@pytest.fixture
def sedna(cluster: SednaCluster) -> Sedna:
    """Who writes what the GlobalManager and the kubelet write."""
    return Sedna(cluster)


@pytest.fixture
def runner(job: Job) -> KubernetesRunner:
    """A runner of the job ``farm/dogs``."""
    return make_runner(job)


def make_runner(job: Job) -> KubernetesRunner:
    """Return a runner of the job's manifests as they are now."""
    paths = [job.manifests]
    return KubernetesRunner(load_job(paths), load_documents(paths))


def preparation(image: str = "scripted:1") -> dict[str, Any]:
    """Return a Job that prepares the node."""
    container = {"name": "models", "image": image}
    spec = {"template": {"spec": {"nodeName": "edge", "containers": [container]}}}
    return {**resource("Job", "prepare", spec), "apiVersion": "batch/v1"}


def write_kubeconfig(folder: Path, server: str) -> Path:
    """Write a kubeconfig without a user's credentials."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": server.rstrip("/")}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}],
        "users": [{"name": "me", "user": {}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return path


class Statuses:
    """What a runner tells, to wait for."""

    def __init__(self) -> None:
        self._told: asyncio.Queue[JobStatus] = asyncio.Queue()

    def __call__(self, status: JobStatus) -> None:
        self._told.put_nowait(status)

    async def until(self, predicate: Callable[[JobStatus], object]) -> JobStatus:
        """Wait for a status of which ``predicate`` holds."""
        async with asyncio.timeout(SECONDS):
            while not predicate(status := await self._told.get()):
                pass
            return status


def data(*models: dict[str, object]) -> str:
    return json.dumps({"output": {"models": list(models)}})


def evaluated(candidate: float, deployed: float) -> str:
    return data(
        {"format": "onnx", "url": "/out/train/1/model.onnx", "metrics": metrics(candidate)},
        {"format": "onnx", "url": "/m/deploy.onnx", "metrics": metrics(deployed)},
    )


def metrics(accuracy: float) -> dict[str, list[float]]:
    return {"accuracy": [accuracy], "samples": [40.0]}


async def play_round(sedna: Sedna) -> None:
    """Do what GM and LC do in a round that ends with a deployment."""
    await play(sedna, [*WHOLE_ROUND, "Train Waiting"])


async def play(sedna: Sedna, steps: Sequence[str]) -> None:
    """Write conditions, with the results of a better model."""
    for step in steps:
        stage, type_ = step.split()
        content = ""
        if step == "Train Completed":
            content = _data({"format": "ckpt", "url": "/out/train/1/model.ckpt"})
        if step == "Eval Completed":
            content = _data(
                {"format": "onnx", "url": "/out/train/1/model.onnx", "metrics": _metrics(0.9)},
                {"format": "onnx", "url": "/m/deploy.onnx", "metrics": _metrics(0.6)},
            )
        await sedna.condition(stage, type_, content)


async def started(runner: KubernetesRunner, statuses: Statuses) -> asyncio.Task[JobStatus]:
    """Run the job until it is on the cluster."""
    run = asyncio.create_task(runner.run(rounds=1, timeout=SECONDS, on_status=statuses))
    await statuses.until(lambda _: True)
    return run


async def cancel(run: asyncio.Task[JobStatus]) -> None:
    """End the run, its connections too."""
    run.cancel()
    await asyncio.wait([run])


def _data(*models: dict[str, object]) -> str:
    return json.dumps({"output": {"models": list(models)}})


def _metrics(accuracy: float) -> dict[str, list[float]]:
    return {"accuracy": [accuracy], "samples": [40.0]}
