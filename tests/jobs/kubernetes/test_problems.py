from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from lightkube.models.core_v1 import Event
from lightkube.resources.core_v1 import Pod

from jobs.kubernetes.pods import read_pod
from jobs.kubernetes.problems import (
    deletion,
    inaction,
    no_inference,
    offline_node,
    pod_problem,
    refused_pods,
)
from jobs.status import Condition, ConditionType, Stage
from tests.jobs.kubernetes.sedna_cluster import container, ended, running, waiting, worker_labels

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOON, LATE = NOW + timedelta(seconds=10), NOW + timedelta(seconds=100)
CLOCK = "2026-11-22 12:00:00 UTC"
CREATING = waiting("ContainerCreating")


def pod(status: dict[str, Any], kind: str = "train", **metadata: Any) -> Any:
    labels = worker_labels("dogs", "inference" if kind == "infer" else kind)
    created = {"name": f"dogs-{kind}-x", "creationTimestamp": NOW.isoformat(), "labels": labels}
    spec = {"nodeName": "edge", "containers": [{"name": "worker"}]}
    content = {"metadata": {**created, **metadata}, "spec": spec, "status": status}
    return read_pod(msgspec.convert(content, Pod))


def problem(status: dict[str, Any], *events: Event, now: datetime = SOON, line: str = "") -> str:
    lines = {"dogs-train-x": line} if line else {}
    return pod_problem(pod(status), "farm", events, lines, now)


def event(
    reason: str, message: str, second: int = 0, name: str = "dogs-train-x", kind: str = "Pod"
) -> Event:
    content = {
        "metadata": {"name": "one"},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "involvedObject": {"kind": kind, "name": name},
        "lastTimestamp": (NOW + timedelta(seconds=second)).isoformat(),
    }
    return msgspec.convert(content, Event)


@pytest.mark.parametrize("status", [running(), ended(), {"phase": "Pending"}, {}])
def test_a_pod_without_trouble_has_no_problem(status: dict[str, Any]) -> None:
    assert problem(status) == ""


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (waiting("ErrImagePull", "no such\nhost"), "node edge cannot pull the image scripted:1"
         " (no such host): push it"),
        (waiting("InvalidImageName"), "cannot pull the image scripted:1 (InvalidImageName)"),
        (waiting("CreateContainerConfigError", "container has runAsNonRoot"),
         "node edge cannot create its container (container has runAsNonRoot)"),
        ({"phase": "Failed", "message": "The node was low on resource: memory."},
         "was ended: The node was low on resource"),
        ({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
          "message": "0/3 nodes are available"}]},
         "it cannot be scheduled (0/3 nodes are available)"),
    ],
)  # fmt: skip
def test_image_container_and_node_are_named(status: dict[str, Any], sentence: str) -> None:
    assert sentence in problem(status)


def test_a_node_without_room_is_told_alike_from_the_event_and_the_status() -> None:
    message = "Node didn't have enough resource: cpu, requested: 1000, used: 1250, capacity: 2000"
    refused = {"phase": "Failed", "reason": "OutOfcpu", "message": f"Pod {message}"}
    from_status = problem(refused)
    assert f"node edge has too few resources for it ({message}): lower the requests" in from_status
    assert problem({"phase": "Pending"}, event("OutOfcpu", message, 0)) == from_status


def test_a_crash_is_told_with_the_workers_own_words() -> None:
    last = {"terminated": {"exitCode": 2, "reason": "Error"}}
    status = waiting("CrashLoopBackOff", lastState=last)
    said = "MODEL_URL=/x: the folder is not writable: give it to user 10001."
    sentence = "dogs-train-x keeps ending with exit status 2: "
    assert problem(status, line=said) == sentence + said
    assert problem(status) == f"{sentence}`kubectl logs -n farm dogs-train-x -c worker` says why"


def test_too_little_memory_is_told() -> None:
    last = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    status = waiting("CrashLoopBackOff", lastState=last)
    assert "more memory than its limit" in problem(status)


def test_the_newest_warning_of_a_pending_pod_is_told() -> None:
    events = [
        event("FailedMount", "/m is not a directory", 5),
        event("FailedCreatePodSandBox", "no network", 1),
        event("FailedMount", "of another pod", 9, name="other"),
    ]
    sentence = problem({"phase": "Pending"}, *events)
    assert "node edge cannot mount a volume (/m is not a directory)" in sentence
    assert "the Job that prepares the node" in sentence
    assert "no network" in problem({"phase": "Pending"}, events[1])
    assert problem(running(), *events) == ""


def test_a_node_that_does_not_take_a_pod_is_told_after_a_while() -> None:
    assert problem({"phase": "Pending"}) == ""
    assert "node edge has not accepted it" in problem({"phase": "Pending"}, now=LATE)


@pytest.mark.parametrize(
    "status",
    [
        waiting("ErrImagePull", 'failed to pull "scripted:1": 403 Forbidden'),
        waiting("ImagePullBackOff", 'Back-off pulling image "scripted:1"'),
        waiting(
            "ImagePullBackOff",
            'Back-off pulling image "scripted:1": ErrImagePull: failed to pull "scripted:1": 403'
            " Forbidden",
        ),
    ],
)
def test_an_image_that_cannot_be_pulled_is_told_alike_in_every_state(
    status: dict[str, Any],
) -> None:
    pull = event("Failed", 'Failed to pull image "scripted:1": 403 Forbidden')
    back_off = event("BackOff", 'Back-off pulling image "scripted:1"', 5)
    sentence = problem(status, pull, back_off)
    assert "node edge cannot pull the image scripted:1" in sentence
    assert "403 Forbidden): push it" in sentence


@pytest.mark.parametrize(
    "state",
    [
        {"waiting": {"reason": "CrashLoopBackOff"}},
        {"terminated": {"exitCode": 2, "reason": "Error"}},
    ],
)
def test_a_preparer_is_told_with_the_name_of_its_init_container(state: dict[str, Any]) -> None:
    last = {"terminated": {"exitCode": 2}}
    init = container(state, name="folders", restartCount=3, lastState=last)
    main = container({"waiting": {"reason": "PodInitializing"}}, name="models")
    status = {"phase": "Pending", "initContainerStatuses": [init], "containerStatuses": [main]}
    back_off = event("BackOff", "Back-off restarting failed container folders in pod dogs")
    assert problem(status, back_off) == (
        "dogs-train-x keeps ending with exit status 2:"
        " `kubectl logs -n farm dogs-train-x -c folders` says why"
    )


def test_a_container_in_creation_without_an_event_is_told_after_a_while() -> None:
    assert problem(CREATING) == ""
    sentence = problem(CREATING, now=LATE)
    assert "node edge is still creating its container and no event says why" in sentence
    assert "reportEvent: true in edgecore.yaml" in sentence
    told = problem(CREATING, event("FailedMount", "/m is not a directory"), now=LATE)
    assert "cannot mount a volume (/m is not a directory)" in told


def test_a_node_is_offline_with_what_that_means_for_the_stage() -> None:
    idle = offline_node("edge", NOW, None, [])
    assert idle == f"node edge has been offline since {CLOCK}: new samples are read when it returns"
    [training] = condition(Stage.TRAIN, ConditionType.RUNNING)
    assert "the Train stage continues when it returns" in offline_node("edge", NOW, training, [])


def test_an_inference_pod_that_an_outage_costs_is_told_during_it() -> None:
    lost = pod(running(), "infer", deletionTimestamp=NOW.isoformat())
    sentence = offline_node("edge", NOW, None, [lost])
    assert "dogs-infer-x, which Kubernetes has marked for deletion, then ends" in sentence
    assert "`iljob restore MANIFESTS` has it created again" in sentence


def test_a_job_without_an_inference_pod_is_told_with_the_way_back() -> None:
    assert no_inference(NOW, [pod(running(), "infer")], LATE) == ""
    assert no_inference(NOW, [], SOON) == ""
    assert no_inference(NOW, [pod(running())], LATE) == (
        "the job has no inference pod: `iljob restore MANIFESTS` has it created again,"
        " without retraining"
    )
    ending = pod(running(), "infer", deletionTimestamp=NOW.isoformat())
    assert "but dogs-infer-x, which is being deleted" in no_inference(NOW, [ending], LATE)


def test_an_evicted_inference_pod_is_told_with_the_way_back() -> None:
    evicted = {"phase": "Failed", "message": "The node was low on resource: memory."}
    sentence = pod_problem(pod(evicted, "infer"), "farm", [], {}, SOON)
    assert sentence.startswith("dogs-infer-x was ended: The node was low on resource: memory.:")
    assert "`iljob restore MANIFESTS`" in sentence


def test_a_job_in_deletion_tells_what_it_waits_for() -> None:
    assert deletion(NOW, [], "edge", None) == f"the job has been marked for deletion at {CLOCK}"
    sentence = deletion(NOW, [pod(running(), "infer")], "edge", NOW)
    assert "waits for dogs-infer-x to end: node edge has been offline since" in sentence


def test_pods_that_a_job_may_not_create_are_told_in_the_words_of_the_api_server() -> None:
    message = (
        'Error creating: pods "prepare-x" is forbidden: violates PodSecurity "baseline:latest":'
        ' host namespaces (hostNetwork=true), hostPath volumes (volume "data")'
    )
    refused = event("FailedCreate", message, name="prepare", kind="Job")
    sentence = refused_pods([refused], ["prepare"], "farm")
    assert sentence.startswith("Job/prepare cannot create its pod (Error creating: pods")
    assert "namespace farm pod-security.kubernetes.io/enforce=privileged`" in sentence
    assert refused_pods([refused], ["other"], "farm") == ""
    assert refused_pods([event("FailedMount", "x")], ["prepare"], "farm") == ""


def condition(stage: Stage, type_: ConditionType) -> list[Condition]:
    return [Condition(stage=stage, type=type_, time=NOW)]


def test_a_job_that_nobody_takes_up_is_told_after_a_while() -> None:
    assert inaction(NOW, [], "farm", SOON) == ""
    sentence = inaction(NOW, [], "farm", LATE)
    assert "the GlobalManager has not taken up the job" in sentence
    assert "namespace farm admit pods with hostNetwork" in sentence


@pytest.mark.parametrize("stage", [Stage.TRAIN, Stage.EVAL])
def test_a_worker_that_is_not_made_is_told_after_a_while(stage: Stage) -> None:
    ready = condition(stage, ConditionType.READY)
    assert inaction(NOW, ready, "farm", SOON) == ""
    assert f"the GlobalManager has created no {stage} worker" in inaction(NOW, ready, "farm", LATE)


@pytest.mark.parametrize("type_", [each for each in ConditionType if each != "Ready"])
def test_a_stage_may_last(type_: ConditionType) -> None:
    assert inaction(NOW, condition(Stage.TRAIN, type_), "farm", LATE) == ""
