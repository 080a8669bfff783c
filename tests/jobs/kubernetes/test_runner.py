import asyncio
import json
import os
from pathlib import Path

import kmock
import pytest
import yaml

from backend.errors import SettingsError, TemporaryError
from jobs.cli import main
from jobs.kubernetes.runner import KubernetesRunner
from jobs.status import Outcome
from tests.jobs.conftest import WHOLE_ROUND, Job
from tests.jobs.kubernetes.conftest import (
    SECONDS,
    Statuses,
    cancel,
    make_runner,
    play_round,
    preparation,
    started,
    write_kubeconfig,
)
from tests.jobs.kubernetes.sedna_cluster import (
    DATASETS,
    EVENTS,
    JOBS,
    NODES,
    PODS,
    Sedna,
    SednaCluster,
    ended,
    running,
    waiting,
)


async def test_run_applies_everything_and_follows_the_job_through_a_round(
    cluster: SednaCluster, sedna: Sedna, runner: KubernetesRunner
) -> None:
    statuses = Statuses()
    run = await started(runner, statuses)
    await play_round(sedna)
    status = await run
    assert [f"{c.stage} {c.type}" for c in status.conditions][: len(WHOLE_ROUND)] == WHOLE_ROUND
    [round_] = status.rounds
    assert round_.outcome is Outcome.DEPLOYED
    assert round_.reason == "accuracy_delta[0] = 0.3 > 0.02: deploy"
    assert round_.model_urls == ["/out/train/1/model.ckpt"]
    assert round_.eval_samples == 40
    patches = [each for each in cluster["patch"] if "fieldManager" in each.params]
    applied = [each.name for each in patches if "dryRun" not in each.params]
    assert sorted(str(name) for name in applied) == ["deploy", "dogs", "initial", "samples"]
    assert applied[-1] == "dogs"


async def test_the_status_names_the_workers_and_their_last_lines(
    cluster: SednaCluster, sedna: Sedna, runner: KubernetesRunner
) -> None:
    cluster["get", "/api/v1/namespaces/farm/pods/dogs-train-abcde/log"] << b"epoch 1\nepoch 2\n"
    statuses = Statuses()
    run = await started(runner, statuses)
    await sedna.pod("dogs-train-abcde", "train", **running(restartCount=2))
    await sedna.pod("dogs-inference-fghij", "inference", **running())
    status = await statuses.until(
        lambda each: len(each.workers) > 1 and any(w.last_line for w in each.workers)
    )
    assert {each.kind for each in status.workers} == {"train", "infer"}
    [train] = [worker for worker in status.workers if worker.kind == "train"]
    assert (train.name, train.restarts) == ("dogs-train-abcde", 2)
    assert train.last_line == "epoch 2"
    await cancel(run)


async def test_a_worker_that_ended_stays_known_when_its_pod_is_cleaned_away(
    sedna: Sedna, runner: KubernetesRunner
) -> None:
    statuses = Statuses()
    run = await started(runner, statuses)
    await sedna.pod("dogs-train-abcde", **ended())
    await statuses.until(lambda each: any(w.ended for w in each.workers))
    await sedna.delete(PODS, "dogs-train-abcde")
    await sedna.condition("Train", "Waiting")
    status = await statuses.until(lambda each: each.conditions)
    assert [(w.name, w.exit_status) for w in status.workers] == [("dogs-train-abcde", 0)]
    await cancel(run)


async def test_a_pod_that_does_not_start_is_told_in_a_sentence(
    sedna: Sedna, runner: KubernetesRunner
) -> None:
    statuses = Statuses()
    run = await started(runner, statuses)
    await sedna.pod("dogs-train-abcde", **waiting("ImagePullBackOff", "no such image"))
    status = await statuses.until(lambda each: each.problem)
    assert status.problem == (
        "dogs-train-abcde: node edge cannot pull the image scripted:1 (no such image): push it,"
        " or correct its name"
    )
    await sedna.patch(PODS, "dogs-train-abcde", {"status": running()})
    await statuses.until(lambda each: not each.problem)
    await cancel(run)


async def test_what_the_kubelet_meets_with_is_told_too(
    sedna: Sedna, runner: KubernetesRunner
) -> None:
    statuses = Statuses()
    run = await started(runner, statuses)
    await sedna.pod("dogs-train-abcde", phase="Pending")
    event = {
        "type": "Warning",
        "reason": "FailedMount",
        "message": "hostPath type check failed: /m is not a directory",
        "involvedObject": {"kind": "Pod", "name": "dogs-train-abcde"},
    }
    await sedna.create(EVENTS, "one", event)
    status = await statuses.until(lambda each: each.problem)
    assert "node edge cannot mount a volume (hostPath type check failed" in status.problem
    await cancel(run)


async def test_a_job_that_prepares_the_node_is_looked_after(job: Job, sedna: Sedna) -> None:
    job.resources["prepare"] = preparation()
    statuses = Statuses()
    run = await started(make_runner(job), statuses)
    labels = {"job-name": "prepare"}
    spec = {"nodeName": "edge", "containers": [{"name": "worker"}]}
    pod = {"spec": spec, "status": waiting("ErrImagePull", "no such image")}
    await sedna.create(PODS, "prepare-x", pod, labels)
    status = await statuses.until(lambda each: each.problem)
    assert status.problem.startswith("prepare-x: node edge cannot pull the image scripted:1")
    assert status.workers == []
    await cancel(run)


async def test_samples_are_counted_until_the_first_round(
    sedna: Sedna, runner: KubernetesRunner
) -> None:
    statuses = Statuses()
    run = await started(runner, statuses)
    await sedna.patch(DATASETS, "samples", {"status": {"numberOfSamples": 9}})
    samples = (await statuses.until(lambda each: each.samples.total)).samples
    assert (samples.total, samples.train_waiting, samples.eval_waiting) == (9, 7, 2)
    assert samples.trigger == "num_of_samples >= 4"
    await cancel(run)


async def test_a_server_that_goes_away_for_a_while_is_asked_again(
    cluster: SednaCluster, sedna: Sedna, runner: KubernetesRunner
) -> None:
    # After those of the application and the first look.
    away = cluster["list", cluster.resource(JOBS)][3:4] << 503
    statuses = Statuses()
    run = await started(runner, statuses)
    samples = 0
    while not list(away):
        samples += 1
        await sedna.patch(DATASETS, "samples", {"status": {"numberOfSamples": samples}})
        await statuses.until(lambda each: each.samples.total == samples)  # noqa: B023 - in this turn
    await play_round(sedna)
    assert (await run).rounds[0].outcome is Outcome.DEPLOYED
    assert len(list(away)) == 1


async def test_a_job_that_somebody_deletes_ends_the_run(
    sedna: Sedna, runner: KubernetesRunner
) -> None:
    statuses = Statuses()
    run = await started(runner, statuses)
    await sedna.delete(JOBS, "dogs")
    assert (await run).rounds_ended == 0


async def test_a_run_whose_time_is_up_raises(
    cluster: SednaCluster, runner: KubernetesRunner
) -> None:
    with pytest.raises(TimeoutError):
        await runner.run(timeout=0.5)


async def test_a_conflict_names_who_has_set_the_field(
    cluster: SednaCluster, sedna: Sedna, runner: KubernetesRunner
) -> None:
    await sedna.create(DATASETS, "samples", {"spec": {"url": "/elsewhere/index.txt"}})
    with pytest.raises(SettingsError, match=r'Dataset/samples is refused: .*"kubectl": .spec'):
        await runner.run(timeout=SECONDS)


async def test_what_is_applied_already_is_applied_again(
    cluster: SednaCluster, sedna: Sedna, runner: KubernetesRunner
) -> None:
    for _ in range(2):
        statuses = Statuses()
        run = await started(runner, statuses)
        await cancel(run)
    await sedna.condition("Train", "Waiting")
    status = await asyncio.to_thread(runner.status)
    assert len(status.conditions) == 1


async def test_a_cluster_without_sedna_is_told(
    tmp_path: Path, runner: KubernetesRunner, cluster: SednaCluster
) -> None:
    for name in list(cluster.resources):
        if "sedna" in str(name):
            del cluster.resources[name]
    with pytest.raises(SettingsError, match="does not have Sedna's resource types"):
        await runner.run(timeout=SECONDS)


async def test_a_node_that_is_not_there_is_told_before_anything_is_applied(
    cluster: SednaCluster, runner: KubernetesRunner
) -> None:
    cluster.objects[NODES, None, "edge"].delete()
    with pytest.raises(SettingsError, match="the cluster has no node edge"):
        await runner.run(timeout=SECONDS)
    assert not list(cluster["patch"])


async def test_a_user_who_may_not_see_nodes_runs_the_job_all_the_same(
    cluster: SednaCluster, runner: KubernetesRunner
) -> None:
    cluster["get", cluster.resource(NODES)] << 403
    run = await started(runner, Statuses())
    await cancel(run)


async def test_what_a_user_may_not_do_is_told(
    cluster: SednaCluster, runner: KubernetesRunner
) -> None:
    message = "pods is forbidden: User me cannot list resource pods"
    forbidden = {"kind": "Status", "code": 403, "message": message}
    cluster["list", cluster.resource(PODS)] << 403 << forbidden
    with pytest.raises(SettingsError, match=f"{message}: ask for the role in manifests/rbac"):
        await runner.run(timeout=SECONDS)


async def test_a_server_that_cannot_answer_now_is_a_temporary_error(
    cluster: SednaCluster, runner: KubernetesRunner
) -> None:
    cluster["patch"] << 503
    with pytest.raises(TemporaryError, match="cannot answer now"):
        await runner.run(timeout=SECONDS)


async def test_a_cluster_that_is_away_is_a_temporary_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: KubernetesRunner
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(write_kubeconfig(tmp_path, "http://127.0.0.1:1")))
    with pytest.raises(TemporaryError, match=r"the cluster at http://127.0.0.1:1 does not answer"):
        await runner.run(timeout=SECONDS)


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_program_that_the_kubeconfig_names_logs_the_user_in(
    cluster: SednaCluster, runner: KubernetesRunner, version: str
) -> None:
    file = Path(os.environ["KUBECONFIG"])
    config = yaml.safe_load(file.read_text())
    answer = json.dumps({"status": {"token": "secret"}})
    api = f"client.authentication.k8s.io/{version}"
    program = {"apiVersion": api, "command": "echo", "args": [answer]}
    config["users"][0]["user"] = {"exec": program}
    file.write_text(yaml.safe_dump(config))
    with pytest.raises(SettingsError, match="the cluster has no IncrementalLearningJob"):
        await asyncio.to_thread(runner.status)
    assert {each.headers.get("Authorization") for each in cluster} == {"Bearer secret"}


async def test_no_kubeconfig_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: KubernetesRunner
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nothing"))
    with pytest.raises(SettingsError, match="no cluster is configured"):
        await runner.run(timeout=SECONDS)


def test_retry_says_how_many_samples_start_a_round(runner: KubernetesRunner) -> None:
    with pytest.raises(SettingsError, match=r"by its trigger: append .* missing of 5 since"):
        runner.retry()


async def test_stop_deletes_the_job_and_waits_until_it_is_gone(
    cluster: SednaCluster, runner: KubernetesRunner
) -> None:
    run = await started(runner, Statuses())
    await asyncio.to_thread(runner.stop)
    await run
    [request] = cluster["delete"]
    assert request.params["propagationPolicy"] == "Foreground"
    with pytest.raises(SettingsError, match="the cluster has no IncrementalLearningJob farm/dogs"):
        await asyncio.to_thread(runner.status)
    with pytest.raises(SettingsError, match="the job farm/dogs is not being run"):
        await asyncio.to_thread(runner.stop)


async def test_watch_follows_until_the_job_is_deleted(
    sedna: Sedna, runner: KubernetesRunner
) -> None:
    run = await started(runner, Statuses())
    statuses = Statuses()
    watch = asyncio.create_task(runner.watch(statuses))
    await sedna.condition("Train", "Waiting")
    await statuses.until(lambda each: each.conditions)
    await sedna.delete(JOBS, "dogs")
    async with asyncio.timeout(SECONDS):
        await watch
        await run


async def test_the_role_grants_what_the_runner_asks_for_and_no_more(
    cluster: SednaCluster, sedna: Sedna, job: Job
) -> None:
    cluster["get", "/api/v1/namespaces/farm/pods/dogs-train-abcde/log"] << b"epoch 1\n"
    job.resources["prepare"] = preparation()
    runner, statuses = make_runner(job), Statuses()
    run = await started(runner, statuses)
    await sedna.pod("dogs-train-abcde", "train", **running())
    await statuses.until(lambda each: any(w.last_line for w in each.workers))
    cluster.has_global_manager = True
    await asyncio.to_thread(runner.restore)
    job.resources["prepare"] = preparation("scripted:2")
    job.environment("infer", http_port="8080")
    await asyncio.to_thread(make_runner(job).apply)
    await asyncio.to_thread(runner.stop)
    await run
    own = [each for each in cluster if each.headers["User-Agent"].startswith("python-httpx2")]
    asked = {right for request in own for right in rights_for(request)}
    assert asked == granted(Path("manifests/rbac/iljob.yaml"))


def rights_for(request: kmock.Request) -> set[tuple[str, str]]:
    """Return the verbs and resources that a request needs; discovery is allowed for everyone."""
    if request.resource is None or request.resource.plural is None or request.action is None:
        return set()
    plural = "/".join(filter(None, (str(request.resource.plural), request.subresource)))
    # A server-side apply makes what is absent.
    is_apply = request.headers.get("Content-Type") == "application/apply-patch+yaml"
    verbs = {"FETCH": ["get"], "UPDATE": ["patch", "create"] if is_apply else ["patch"]}
    name = request.action.name
    return {(verb, plural) for verb in verbs.get(name, [name.lower()])}


def granted(file: Path) -> set[tuple[str, str]]:
    """Return the verbs and resources of a file's roles."""
    rules = [rule for role in yaml.safe_load_all(file.read_text()) for rule in role["rules"]]
    return {(verb, name) for rule in rules for verb in rule["verbs"] for name in rule["resources"]}


async def test_the_command_runs_shows_reports_and_stops_a_job(
    sedna: Sedna, job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(job.manifests), "--on", "kubernetes"]
    statuses = Statuses()
    run = await started(make_runner(job), statuses)
    await play_round(sedna)
    await run
    assert await asyncio.to_thread(main, ["status", *arguments, "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["outcome"] for event in events if event["event"] == "round"] == ["deployed"]
    page = tmp_path / "report.html"
    assert await asyncio.to_thread(main, ["report", *arguments, "--output", str(page)]) == 0
    assert "dogs" in page.read_text()
    assert await asyncio.to_thread(main, ["stop", *arguments]) == 0
    assert await asyncio.to_thread(main, ["status", *arguments]) == 2
    assert "the cluster has no IncrementalLearningJob farm/dogs" in capsys.readouterr().err
