"""Explains in a sentence why a job does not continue: node, image, volume, permission, ..."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from lightkube.models import core_v1

from jobs.kubernetes.pods import Container, Pod
from jobs.status import Condition, ConditionType, Stage

__all__ = ["deletion", "inaction", "no_inference", "offline_node", "pod_problem", "refused_pods"]

_IMAGE = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
_CREATION_FAILED = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_CREATION = {"ContainerCreating", "PodInitializing"}
_VOLUME = {"FailedMount", "FailedAttachVolume"}
_NO_ROOM = "OutOf"
"""OutOfcpu, OutOfmemory, OutOfpods, and likewise for every other resource."""
_SEEN_IN_THE_STATE = {"BackOff", "Failed"}
"""Events that only repeat a container's state in other words."""
_CONTROLLERS = {"Job", "ReplicaSet"}

_GLOBAL_MANAGER_PATIENCE = timedelta(seconds=90)
"""The GlobalManager checks a job about every 45 seconds."""
_NODE_PATIENCE = timedelta(seconds=30)

_LONGEST = 300
_OLDEST = datetime.min.replace(tzinfo=UTC)
_RESTORE = "`iljob restore MANIFESTS` has it created again, without retraining"


def deletion(deleted: datetime, pods: Sequence[Pod], node: str, offline: datetime | None) -> str:
    """Return what a job that has been marked for deletion is waiting for."""
    sentence = f"the job has been marked for deletion at {_clock(deleted)}"
    if pods:
        sentence += f" and waits for {', '.join(pod.name for pod in pods)} to end"
    if pods and offline:
        sentence += f": node {node} has been offline since {_clock(offline)}"
    return sentence


def offline_node(
    node: str, offline: datetime, newest: Condition | None, pods: Iterable[Pod]
) -> str:
    """Return that the node is offline, and the consequences for the stage and inference."""
    if newest is None or (newest.stage, newest.type) == (Stage.TRAIN, ConditionType.WAITING):
        consequence = "new samples are read when it returns"
    else:
        consequence = f"the {newest.stage} stage continues when it returns"
    lost = next((pod.name for pod in pods if pod.kind == "infer" and pod.deleted), "")
    if lost:
        consequence += f"; {lost}, which Kubernetes has marked for deletion, then ends: {_RESTORE}"
    return f"node {node} has been offline since {_clock(offline)}: {consequence}"


def no_inference(created: datetime, pods: Iterable[Pod], now: datetime) -> str:
    """Return that the job has no inference pod, if so: the GlobalManager creates it only once."""
    own = [pod for pod in pods if pod.kind == "infer"]
    if now - created < _NODE_PATIENCE or any(not pod.deleted and not pod.has_ended for pod in own):
        return ""
    ending = next((f" but {pod.name}, which is being deleted" for pod in own if pod.deleted), "")
    return f"the job has no inference pod{ending}: {_RESTORE}"


def refused_pods(
    events: Iterable[core_v1.Event], controllers: Iterable[str], namespace: str
) -> str:
    """Return why one of the ``controllers`` (Jobs and the like) cannot create its pods."""
    names = tuple(controllers)
    refused = [
        each
        for each in events
        if each.reason == "FailedCreate"
        and each.involvedObject.kind in _CONTROLLERS
        and each.involvedObject.name in names
    ]
    if not refused:
        return ""
    newest = max(refused, key=_time)
    advice = ""
    if "violates PodSecurity" in (newest.message or ""):
        advice = (
            f": Sedna needs hostNetwork and hostPath: `kubectl label --overwrite namespace"
            f" {namespace} pod-security.kubernetes.io/enforce=privileged`"
        )
    involved = newest.involvedObject
    return f"{involved.kind}/{involved.name} cannot create its pod ({_brief(newest)}){advice}"


def inaction(
    created: datetime, conditions: Sequence[Condition], namespace: str, now: datetime
) -> str:
    """Return that the GlobalManager does not process the job, if so, or nothing."""
    newest = conditions[-1] if conditions else None
    if newest and (newest.type is not ConditionType.READY or newest.stage is Stage.DEPLOY):
        return ""
    if now - (newest.time if newest else created) < _GLOBAL_MANAGER_PATIENCE:
        return ""
    what = f"created no {newest.stage} worker" if newest else "not taken up the job"
    return (
        f"the GlobalManager has {what}: is it running, are the Dataset and the Models applied, and"
        f" does the namespace {namespace} admit pods with hostNetwork and hostPath? Its log says"
        " more: `kubectl logs -n sedna deployment/gm`"
    )


def pod_problem(
    pod: Pod,
    namespace: str,
    events: Iterable[core_v1.Event],
    lines: Mapping[str, str],
    now: datetime,
) -> str:
    """Return why ``pod`` does not run, or nothing.

    ``events`` may be about any objects; ``lines`` are the last lines of the pods' logs, by name.
    """
    own = sorted((each for each in events if _is_about(each, pod)), key=_time, reverse=True)
    if sentence := _refusal(pod, own) or _end(pod):
        return sentence
    for container in pod.containers:
        log = f"`kubectl logs -n {namespace} {pod.name} -c {container.name}` says why"
        said = lines.get(pod.name) or log
        if sentence := _container(pod, container, own, said):
            return sentence
    if pod.phase not in {"", "Pending"}:
        return ""
    return _unschedulable(pod) or _event(pod, own) or _silence(pod, namespace, now)


def _refusal(pod: Pod, events: Iterable[core_v1.Event]) -> str:
    """Return that the kubelet refused the pod for lack of resources; it never retries that pod."""
    # The status repeats the event's message after the word Pod.
    told = [(each.reason or "", each.message or "") for each in events]
    for reason, message in [(pod.reason, pod.message), *told]:
        if reason.startswith(_NO_ROOM):
            return (
                f"{pod.name}: node {pod.node} has too few resources for it"
                f" ({_brief(message.removeprefix('Pod '))}):"
                " lower the requests of the job's workers, or stop other pods there"
            )
    return ""


def _end(pod: Pod) -> str:
    if pod.phase != "Failed" or not pod.message:
        return ""
    advice = f": {_RESTORE}" if pod.kind == "infer" else ""
    return f"{pod.name} was ended: {pod.message}{advice}"


def _container(pod: Pod, container: Container, events: Iterable[core_v1.Event], said: str) -> str:
    if container.waits_for in _IMAGE:
        return (
            f"{pod.name}: node {pod.node} cannot pull the image {container.image}"
            f" ({_pull_error(container, events)}): push it, or correct its name"
        )
    if container.waits_for in _CREATION_FAILED:
        return (
            f"{pod.name}: node {pod.node} cannot create its container"
            f" ({_brief(container.waiting) or container.waits_for}): correct its template"
        )
    end = container.last_end
    has_crashed = end is not None and end.exitCode != 0 and not container.is_running
    if container.waits_for == "CrashLoopBackOff" or (has_crashed and not pod.has_ended):
        if end and end.reason == "OOMKilled":
            return f"{pod.name} used more memory than its limit and was ended: raise the limit"
        status = f"exit status {end.exitCode}" if end else "an error"
        return f"{pod.name} keeps ending with {status}: {said}"
    return ""


def _pull_error(container: Container, events: Iterable[core_v1.Event]) -> str:
    """Return the registry's answer; the kubelet alternates between it and "Back-off pulling"."""
    pulls = [each for each in events if (each.message or "").startswith("Failed to pull image")]
    message = _brief(container.waiting) or next(map(_brief, pulls), "")
    back_off = re.match(r'Back-off pulling image "[^"]*"(: (?:\w+: )?)?', message)
    if back_off:
        message = message[back_off.end() :] or next(map(_brief, pulls), "")
    return message or container.waits_for


def _unschedulable(pod: Pod) -> str:
    return (
        f"{pod.name}: it cannot be scheduled ({_brief(pod.unschedulable)})"
        if pod.unschedulable
        else ""
    )


def _event(pod: Pod, events: Iterable[core_v1.Event]) -> str:
    newest = next((each for each in events if each.reason not in _SEEN_IN_THE_STATE), None)
    if newest is None:
        return ""
    if newest.reason in _VOLUME:
        return (
            f"{pod.name}: node {pod.node} cannot mount a volume ({_brief(newest)}):"
            " the Job that prepares the node creates its folders"
        )
    return f"{pod.name} on node {pod.node}: {newest.reason}: {_brief(newest)}"


def _silence(pod: Pod, namespace: str, now: datetime) -> str:
    if not pod.node or now - pod.created < _NODE_PATIENCE:
        return ""
    if not pod.containers:
        return (
            f"{pod.name}: node {pod.node} has not accepted it: is that the node's name, and"
            " is its edgecore or kubelet running?"
        )
    if all(each.waits_for in _CREATION for each in pod.containers):
        return (
            f"{pod.name}: node {pod.node} is still creating its container and no event says why:"
            " it may be pulling the image, or a folder may be missing. KubeEdge reports events only"
            " with reportEvent: true in edgecore.yaml; the log of edgecore on the node says more"
            f" (`kubectl describe pod -n {namespace} {pod.name}` shows what has been reported)"
        )
    return ""


def _is_about(event: core_v1.Event, pod: Pod) -> bool:
    involved = event.involvedObject
    return involved.kind == "Pod" and involved.name == pod.name


def _time(event: core_v1.Event) -> datetime:
    return event.lastTimestamp or event.eventTime or _OLDEST


def _clock(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _brief(said: core_v1.Event | core_v1.ContainerStateWaiting | str | None) -> str:
    """Return a message of the node on one line, truncated if it is long."""
    message = said if isinstance(said, str) else (said and said.message) or ""
    line = " ".join(message.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
