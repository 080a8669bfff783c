"""`make deploy` with the real kubectl and iljob, on a cluster that enforces immutability."""

import asyncio
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs.resources.loader import load_job
from tests.jobs.kubernetes.conftest import cluster as sedna_cluster
from tests.jobs.kubernetes.sedna_cluster import JOBS, SednaCluster
from tests.manifests.reading import ROOT

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl here")

JOB, PREPARATION = "dog-croissants", "dog-croissants-prepare"

cluster = sedna_cluster


async def deploy(*variables: str) -> tuple[int | None, str]:
    """Run the target; return its exit status and what it says."""
    bin_ = Path(sys.executable).parent
    process = await asyncio.create_subprocess_exec(
        *("make", "--no-print-directory", "-C", str(ROOT), "--assume-old=.venv/.installed"),
        *("deploy", f"BIN={bin_}", *variables),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


def images(cluster: SednaCluster, resource: str, name: str, *path: str) -> set[str]:
    """Return the images of an object's pod template."""
    spec: Any = cluster.objects[resource, "default", name].raw
    for part in path:
        spec = spec[part]
    return {each["image"] for each in spec["containers"]}


async def test_make_deploy_sets_node_images_paths_and_thresholds(cluster: SednaCluster) -> None:
    status, said = await deploy(
        "EDGE_NODE=edge", "REGISTRY=images.example/team", "TAG=9.9", "DATA=/srv/shop",
        "TRAIN_SAMPLES=50", "DEPLOY_PROBABILITY=0.1",
    )  # fmt: skip
    assert status == 0, said
    applied = ROOT / "build" / "deploy.yaml"
    text = applied.read_text()
    job = load_job([applied])
    assert job.dataset.spec.node_name == "edge"
    assert "edge-node" not in text
    assert "/data/dog-croissants" not in text
    found = [line.split()[-1] for line in text.splitlines() if " image: " in line]
    assert set(found) == {
        f"images.example/team/sedna-tinyms/{worker}:9.9" for worker in ("train", "eval", "infer")
    }
    spec = cluster.objects[JOBS, "default", JOB].raw["spec"]
    assert spec["trainSpec"]["trigger"]["condition"]["threshold"] == 50
    assert spec["deploySpec"]["trigger"]["condition"]["threshold"] == 0.1


async def test_make_deploy_needs_a_node(cluster: SednaCluster) -> None:
    status, said = await deploy()
    assert status != 0
    assert "name the node that holds the samples" in said
    assert not list(cluster["patch"])


async def test_deploying_again_with_another_tag_and_overlay_takes_effect(
    cluster: SednaCluster,
) -> None:
    cluster.has_global_manager = True
    for variables in (["TAG=1.0"], ["TAG=2.0"], ["TAG=2.0", "OVERLAY=http"]):
        status, said = await deploy("EDGE_NODE=edge", *variables)
        assert status == 0, said
    template = ("spec", "template", "spec")
    prepared = images(cluster, "batch/v1/jobs", PREPARATION, *template)
    assert prepared == {"sedna-tinyms/train:2.0"}
    path = ("spec", "trainSpec", "template", "spec")
    assert images(cluster, JOBS, JOB, *path) == {"sedna-tinyms/train:2.0"}
    [pod] = cluster.inference_pods().values()
    [container] = pod["spec"]["containers"]
    assert container["image"] == "sedna-tinyms/infer:2.0"
    assert {"name": "http_port", "value": "8080"} in container["env"]


async def test_a_threshold_of_a_running_job_is_refused_with_nothing_changed(
    cluster: SednaCluster,
) -> None:
    assert (await deploy("EDGE_NODE=edge"))[0] == 0
    before = len([each for each in cluster["patch"] if "dryRun" not in each.params])
    status, said = await deploy("EDGE_NODE=edge", "DEPLOY_PROBABILITY=0.1", "TAG=2.0")
    assert status != 0
    assert f"IncrementalLearningJob/{JOB}: spec.deploySpec.trigger.condition.threshold of" in said
    assert len([each for each in cluster["patch"] if "dryRun" not in each.params]) == before
