"""A cluster that listens, the kubeconfig that names it, and a runner that follows a job on it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import kmock
import pytest
import yaml

from jobs.kubernetes.runner import KubernetesRunner
from jobs.resources.loader import load_documents, load_job
from jobs.status import JobStatus
from tests.jobs.conftest import Job, resource
from tests.jobs.kubernetes.sedna_cluster import Sedna, SednaCluster

SECONDS = 20.0


@pytest.fixture
async def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SednaCluster]:
    """A cluster with Sedna and the node ``edge``."""
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
