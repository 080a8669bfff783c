from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.kubernetes.pods import Event, Pod
from jobs.kubernetes.problems import inaction, pod_problem
from jobs.status import Condition, ConditionType, Stage
from tests.jobs.kubernetes.sedna_cluster import ended, running, waiting

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOON, LATE = NOW + timedelta(seconds=10), NOW + timedelta(seconds=100)


def pod(status: dict[str, Any], node: str = "edge") -> Pod:
    metadata = {"name": "dogs-train-x", "creationTimestamp": NOW}
    content = {"metadata": metadata, "spec": {"nodeName": node}, "status": status}
    return Pod.model_validate(content)


def problem(status: dict[str, Any], *events: Event, now: datetime = SOON, line: str = "") -> str:
    return pod_problem(pod(status), events, {"dogs-train-x": line}, now)


def event(reason: str, message: str, second: int = 0, name: str = "dogs-train-x") -> Event:
    content = {
        "type": "Warning",
        "reason": reason,
        "message": message,
        "involvedObject": {"kind": "Pod", "name": name},
        "lastTimestamp": NOW + timedelta(seconds=second),
    }
    return Event.model_validate(content)


@pytest.mark.parametrize("status", [running(), ended(), {"phase": "Pending"}, {}])
def test_a_pod_without_trouble_has_no_problem(status: dict[str, Any]) -> None:
    assert problem(status) == ""


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (waiting("ErrImagePull", "no such\nhost"), "the image scripted:1 cannot be had on node edge"
         " (no such host): push it"),
        (waiting("InvalidImageName"), "cannot be had on node edge (InvalidImageName)"),
        (waiting("CreateContainerConfigError", "container has runAsNonRoot"),
         "its container cannot be made on node edge (container has runAsNonRoot)"),
        ({"phase": "Failed", "message": "The node was low on resource: memory."},
         "was ended: The node was low on resource"),
        ({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
          "message": "0/3 nodes are available"}]}, "no node takes it (0/3 nodes are available)"),
    ],
)  # fmt: skip
def test_image_container_and_node_are_named(status: dict[str, Any], sentence: str) -> None:
    assert sentence in problem(status)


def test_a_node_without_room_is_told_alike_from_the_event_and_the_status() -> None:
    message = "Node didn't have enough resource: cpu, requested: 1000, used: 1250, capacity: 2000"
    refused = {"phase": "Failed", "reason": "OutOfcpu", "message": f"Pod {message}"}
    from_status = problem(refused)
    assert f"node edge has no room for it ({message}): lower the requests" in from_status
    assert problem({"phase": "Pending"}, event("OutOfcpu", message, 0)) == from_status


def test_a_crash_is_told_with_the_workers_own_words() -> None:
    last = {"terminated": {"exitCode": 2, "reason": "Error"}}
    status = waiting("CrashLoopBackOff", lastState=last)
    said = "MODEL_URL=/x: the folder is not writable: give it to user 10001."
    sentence = "dogs-train-x ends with exit status 2 again and again: "
    assert problem(status, line=said) == sentence + said
    assert problem(status) == sentence + "see kubectl logs --previous dogs-train-x"


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
    assert "a volume cannot be mounted on node edge (/m is not a directory)" in sentence
    assert "the Job that prepares the node" in sentence
    assert "no network" in problem({"phase": "Pending"}, events[1])
    assert problem(running(), *events) == ""


def test_a_node_that_does_not_take_a_pod_is_told_after_a_while() -> None:
    assert problem({"phase": "Pending"}) == ""
    assert "node edge has not taken it" in problem({"phase": "Pending"}, now=LATE)


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
    assert f"the GlobalManager has made no {stage} worker" in inaction(NOW, ready, "farm", LATE)


@pytest.mark.parametrize("type_", [each for each in ConditionType if each != "Ready"])
def test_a_stage_may_last(type_: ConditionType) -> None:
    assert inaction(NOW, condition(Stage.TRAIN, type_), "farm", LATE) == ""
