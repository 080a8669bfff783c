"""An edge node that is offline for ten minutes, and what else can keep a job from continuing."""

import asyncio
from datetime import timedelta

import pytest

from backend.errors import SettingsError, TemporaryError
from jobs.kubernetes.runner import KubernetesRunner
from jobs.status import Outcome
from tests.jobs.conftest import WHOLE_ROUND, Job
from tests.jobs.kubernetes.conftest import (
    Statuses,
    cancel,
    make_runner,
    play,
    preparation,
    started,
)
from tests.jobs.kubernetes.sedna_cluster import (
    EVENTS,
    JOBS,
    NAMESPACE,
    PODS,
    Sedna,
    SednaCluster,
    container,
    running,
    waiting,
)

TOLD_WITHIN_SECONDS = 10.0


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is given time to happen by itself."""
    monkeypatch.setattr("jobs.kubernetes.problems._NODE_PATIENCE", timedelta(0))


@pytest.mark.parametrize("last", ["Train Waiting", "Train Running", "Eval Running", "Deploy Ready"])
async def test_a_job_goes_on_after_an_outage_of_ten_minutes_and_says_what_it_waits_for(
    cluster: SednaCluster, sedna: Sedna, runner: KubernetesRunner, last: str
) -> None:
    cluster.has_global_manager = True
    statuses = Statuses()
    run = await started(runner, statuses)
    end = WHOLE_ROUND.index(last) + 1
    await play(sedna, WHOLE_ROUND[:end])
    await cluster.go_offline()
    async with asyncio.timeout(TOLD_WITHIN_SECONDS):
        status = await statuses.until(lambda each: "has been offline since" in each.problem)
    stage = last.split(maxsplit=1)[0]
    waits = "new samples are read" if last == "Train Waiting" else f"the {stage} stage continues"
    assert f"{waits} when it returns" in status.problem
    await cluster.pass_ten_minutes()
    [pod] = cluster.inference_pods().values()
    assert "deletionTimestamp" not in pod["metadata"]
    await cluster.come_back()
    await statuses.until(lambda each: "offline" not in each.problem)
    await play(sedna, [*WHOLE_ROUND[end:], "Train Waiting"])
    [round_] = (await run).rounds
    assert round_.outcome is Outcome.DEPLOYED


@pytest.mark.usefixtures("_impatient")
async def test_without_tolerations_an_outage_costs_the_inference_pod_until_it_is_restored(
    cluster: SednaCluster, job: Job
) -> None:
    del job.spec["deploySpec"]["template"]["spec"]["tolerations"]
    cluster.has_global_manager = True
    runner, statuses = make_runner(job), Statuses()
    run = await started(runner, statuses)
    await cluster.go_offline()
    await cluster.pass_ten_minutes()
    await statuses.until(lambda each: "which Kubernetes has marked for deletion" in each.problem)
    await cluster.come_back()
    await statuses.until(lambda each: "the job has no inference pod: `iljob" in each.problem)
    await asyncio.to_thread(runner.restore)
    await statuses.until(lambda each: not each.problem)
    assert len(cluster.inference_pods()) == 1
    await cancel(run)


async def test_stop_gives_up_on_an_offline_node_and_says_what_is_waited_for(
    cluster: SednaCluster,
    sedna: Sedna,
    runner: KubernetesRunner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jobs.kubernetes.runner._DELETION_SECONDS", 1.0)
    statuses = Statuses()
    run = await started(runner, statuses)
    await sedna.pod("dogs-inference-x", "inference", **running())
    await cluster.go_offline()
    with pytest.raises(TemporaryError, match="waits for dogs-inference-x to end: node edge has be"):
        await asyncio.to_thread(runner.stop)
    status = await statuses.until(lambda each: "marked for deletion" in each.problem)
    assert "node edge has been offline since" in status.problem
    await cluster.come_back()
    await run
    with pytest.raises(SettingsError, match="the cluster has no IncrementalLearningJob"):
        await asyncio.to_thread(runner.status)


async def test_a_cluster_that_loses_its_crds_is_told(
    cluster: SednaCluster, runner: KubernetesRunner
) -> None:
    for name in list(cluster.resources):
        if "sedna" in str(name):
            del cluster.resources[name]
    with pytest.raises(SettingsError, match="install Sedna, at least its CRDs"):
        await asyncio.to_thread(runner.status)


async def test_the_clusters_job_explains_and_what_differs_here_is_noted(
    cluster: SednaCluster, sedna: Sedna, job: Job
) -> None:
    run = await started(make_runner(job), Statuses())
    job.spec["deploySpec"]["trigger"]["condition"]["threshold"] = 0.5
    statuses = Statuses()
    watch = asyncio.create_task(make_runner(job).watch(statuses))
    status = await statuses.until(lambda each: each.note)
    assert "spec.deploySpec.trigger.condition.threshold (0.02 there, 0.5 here)" in status.note
    await play(sedna, [*WHOLE_ROUND, "Train Waiting"])
    status = await statuses.until(lambda each: each.rounds_ended)
    assert status.rounds[0].reason == "accuracy_delta[0] = 0.3 > 0.02: deploy"
    await run
    await sedna.delete(JOBS, "dogs")
    await watch


async def test_a_preparer_that_crashes_is_told_with_the_log_of_its_init_container(
    cluster: SednaCluster, sedna: Sedna, job: Job
) -> None:
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/prepare-x/log"
    cluster["get", path] << b"2026-11-22T11:45:00 ERROR /data: the disk is full\n"
    job.resources["prepare"] = preparation()
    statuses = Statuses()
    run = await started(make_runner(job), statuses)
    last = {"terminated": {"exitCode": 1}}
    crashed = waiting("PodInitializing") | {
        "initContainerStatuses": [
            container(
                {"waiting": {"reason": "CrashLoopBackOff"}},
                name="folders",
                restartCount=2,
                lastState=last,
            )
        ]
    }
    spec = {"nodeName": "edge", "containers": [{"name": "worker"}]}
    pod = {"spec": spec, "status": crashed}
    await sedna.create(PODS, "prepare-x", pod, {"job-name": "prepare"})
    status = await statuses.until(lambda each: "the disk is full" in each.problem)
    assert status.problem == ("prepare-x keeps ending with exit status 1: /data: the disk is full")
    [request, *_] = cluster["get", path]
    assert request.params["container"] == "folders"
    await cancel(run)


async def test_pods_that_may_not_be_created_are_told_at_once(
    cluster: SednaCluster, sedna: Sedna, job: Job
) -> None:
    job.resources["prepare"] = preparation()
    statuses = Statuses()
    run = await started(make_runner(job), statuses)
    event = {
        "type": "Warning",
        "reason": "FailedCreate",
        "message": 'pods "prepare-x" is forbidden: violates PodSecurity "baseline:latest"',
        "involvedObject": {"kind": "Job", "name": "prepare"},
    }
    await sedna.create(EVENTS, "one", event)
    status = await statuses.until(lambda each: each.problem)
    assert 'violates PodSecurity "baseline:latest"' in status.problem
    await cancel(run)
