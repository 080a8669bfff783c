"""Redeployment: a change of the manifests takes effect on a running job, or nothing changes."""

import asyncio
from typing import Any

import kmock
import pytest

from backend.errors import SettingsError, TemporaryError
from jobs.kubernetes.runner import KubernetesRunner
from tests.jobs.conftest import Job
from tests.jobs.kubernetes.conftest import make_runner, preparation
from tests.jobs.kubernetes.sedna_cluster import (
    DATASETS,
    JOBS,
    NAMESPACE,
    PODS,
    Sedna,
    SednaCluster,
)


async def apply(job: Job) -> None:
    await asyncio.to_thread(make_runner(job).apply)


def written(cluster: SednaCluster) -> list[kmock.Request]:
    """Return the requests that change something."""
    changing = [*cluster["patch"], *cluster["delete"], *cluster["post"]]
    return [each for each in changing if "dryRun" not in each.params]


def the_object(cluster: SednaCluster, resource: str, name: str) -> Any:
    return cluster.objects[resource, NAMESPACE, name].raw


def variables(pod: Any) -> dict[str, str]:
    return {each["name"]: each["value"] for each in pod["spec"]["containers"][0]["env"]}


@pytest.fixture
def cluster(cluster: SednaCluster) -> SednaCluster:
    """A cluster whose GlobalManager creates inference pods."""
    cluster.has_global_manager = True
    return cluster


@pytest.fixture
async def running_job(cluster: SednaCluster, sedna: Sedna, job: Job) -> Job:
    """A job with its inference pod and one condition."""
    job.resources["prepare"] = preparation()
    await apply(job)
    await sedna.patch(JOBS, "dogs", {"status": {"startTime": "2026-11-22T11:45:00Z"}})
    await sedna.condition("Train", "Waiting")
    return job


async def test_a_changed_inference_template_replaces_the_pod_and_keeps_the_rounds(
    cluster: SednaCluster, running_job: Job
) -> None:
    [before] = cluster.inference_pods()
    running_job.environment("infer", http_port="8080")
    await apply(running_job)
    [(after, pod)] = cluster.inference_pods().items()
    assert after != before
    assert variables(pod)["http_port"] == "8080"
    status = the_object(cluster, JOBS, "dogs")["status"]
    assert len(status["conditions"]) == 1
    assert status["startTime"] == "2026-11-22T11:45:00Z"


@pytest.mark.parametrize("kind", ["train", "eval"])
async def test_train_and_eval_templates_leave_the_inference_pod_alone(
    cluster: SednaCluster, running_job: Job, kind: str
) -> None:
    before = list(cluster.inference_pods())
    running_job.environment(kind, epochs="9")
    await apply(running_job)
    assert list(cluster.inference_pods()) == before
    part = {"train": "trainSpec", "eval": "evalSpec"}[kind]
    template = the_object(cluster, JOBS, "dogs")["spec"][part]["template"]
    assert {"name": "epochs", "value": "9"} in template["spec"]["containers"][0]["env"]


async def test_nothing_new_changes_nothing(cluster: SednaCluster, running_job: Job) -> None:
    before = list(cluster.inference_pods())
    await apply(running_job)
    assert list(cluster.inference_pods()) == before


async def test_the_job_that_prepares_the_node_is_replaced_with_another_image(
    cluster: SednaCluster, running_job: Job
) -> None:
    running_job.resources["prepare"] = preparation("scripted:2")
    await apply(running_job)
    template = the_object(cluster, "batch/v1/jobs", "prepare")["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == "scripted:2"


@pytest.mark.parametrize(
    ("part", "field"),
    [("trainSpec", "trigger"), ("deploySpec", "trigger"), ("dataset", "trainProb")],
)
async def test_what_is_read_only_when_a_job_begins_is_refused_before_anything_changes(
    cluster: SednaCluster, running_job: Job, part: str, field: str
) -> None:
    value = running_job.spec[part][field]
    if field == "trigger":
        value["condition"]["threshold"] += 1
    else:
        running_job.spec[part][field] = value / 2
    running_job.resources["prepare"] = preparation("scripted:2")
    before = len(written(cluster))
    with pytest.raises(
        SettingsError, match=rf"nothing is applied: .*/dogs: spec.{part}.{field}.* begins"
    ):
        await apply(running_job)
    assert len(written(cluster)) == before


async def test_another_model_of_a_running_job_is_refused(running_job: Job) -> None:
    running_job.resources["deploy"]["spec"]["url"] = "/elsewhere/deploy.onnx"
    with pytest.raises(SettingsError, match=r"nothing is applied: Model/deploy: spec\.url of a"):
        await apply(running_job)


async def test_one_refusal_keeps_everything_from_being_applied(
    cluster: SednaCluster, sedna: Sedna, running_job: Job
) -> None:
    running_job.environment("infer", http_port="8080")
    running_job.resources["dataset"]["spec"]["url"] = "/elsewhere/index.txt"
    cluster.managers[kmock.resource(DATASETS), NAMESPACE, "samples"] = "kubectl"
    before = len(written(cluster))
    with pytest.raises(SettingsError, match="nothing is applied:\nDataset/samples is refused"):
        await apply(running_job)
    assert len(written(cluster)) == before


async def test_an_offline_node_keeps_everything_from_being_applied(
    cluster: SednaCluster, running_job: Job
) -> None:
    running_job.environment("infer", http_port="8080")
    await cluster.go_offline()
    before = len(written(cluster))
    with pytest.raises(TemporaryError, match="node edge is offline: try again when it is back"):
        await apply(running_job)
    assert len(written(cluster)) == before


async def test_a_job_in_deletion_is_not_applied_again(
    cluster: SednaCluster, sedna: Sedna, running_job: Job
) -> None:
    deleted = {"metadata": {"deletionTimestamp": "2026-11-22T12:00:00Z", "finalizers": ["x"]}}
    await sedna.patch(JOBS, "dogs", deleted)
    with pytest.raises(SettingsError, match="still being deleted"):
        await apply(running_job)


async def test_a_missing_inference_pod_is_restored_without_losing_rounds(
    cluster: SednaCluster, sedna: Sedna, running_job: Job
) -> None:
    [before] = cluster.inference_pods()
    await sedna.delete(PODS, before)
    assert not cluster.inference_pods()
    await restore(running_job)
    [after] = cluster.inference_pods()
    assert after != before
    status = the_object(cluster, JOBS, "dogs")["status"]
    assert (len(status["conditions"]), status["startTime"]) == (1, "2026-11-22T11:45:00Z")


async def test_an_evicted_inference_pod_is_restored(
    cluster: SednaCluster, sedna: Sedna, running_job: Job
) -> None:
    [before] = cluster.inference_pods()
    await sedna.patch(PODS, before, {"status": {"phase": "Failed", "reason": "Evicted"}})
    await restore(running_job)
    [after] = cluster.inference_pods()
    assert after != before


async def test_an_inference_pod_that_runs_is_not_restored(
    cluster: SednaCluster, running_job: Job
) -> None:
    [name] = cluster.inference_pods()
    with pytest.raises(SettingsError, match=f"the job has its inference pod, {name}"):
        await restore(running_job)


async def test_restoring_waits_for_no_offline_node(
    cluster: SednaCluster, sedna: Sedna, running_job: Job
) -> None:
    [name] = cluster.inference_pods()
    await cluster.go_offline()
    await sedna.delete(PODS, name)
    with pytest.raises(TemporaryError, match="node edge is offline"):
        await restore(running_job)


async def test_a_global_manager_that_is_away_leaves_the_job_as_it_was(
    cluster: SednaCluster, sedna: Sedna, running_job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.kubernetes.inference._CREATION_SECONDS", 0.1)
    [name] = cluster.inference_pods()
    await sedna.delete(PODS, name)
    cluster.has_global_manager = False
    with pytest.raises(TemporaryError, match="`kubectl logs -n sedna deployment/gm` says why"):
        await restore(running_job)
    status = the_object(cluster, JOBS, "dogs")["status"]
    assert status["startTime"] == "2026-11-22T11:45:00Z"


async def test_a_status_that_the_global_manager_writes_back_is_changed_again(
    cluster: SednaCluster, sedna: Sedna, running_job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.kubernetes.inference._CREATION_SECONDS", 0.5)
    [name] = cluster.inference_pods()
    await sedna.delete(PODS, name)
    cluster.stale_start_time = "2026-11-22T11:45:00Z"
    await restore(running_job)
    assert len(cluster.inference_pods()) == 1


async def test_a_job_that_is_not_run_cannot_be_restored(
    cluster: SednaCluster, runner: KubernetesRunner
) -> None:
    with pytest.raises(SettingsError, match="the job farm/dogs is not being run"):
        await asyncio.to_thread(runner.restore)


async def restore(job: Job) -> None:
    await asyncio.to_thread(make_runner(job).restore)
