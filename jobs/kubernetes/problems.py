"""Why a job does not go on, in one sentence each: image, node, volume, permission."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from jobs.kubernetes.pods import Container, Event, Pod
from jobs.status import Condition, ConditionType, Stage

__all__ = ["inaction", "pod_problem"]

_IMAGE = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
_CREATION = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_VOLUME = {"FailedMount", "FailedAttachVolume"}
_NO_ROOM = "OutOf"
"""OutOfcpu, OutOfmemory, OutOfpods, and likewise for every other resource."""
_PATIENCE = timedelta(seconds=90)
"""The GlobalManager looks at a job every 45 seconds or so."""

_LONGEST = 300
_OLDEST = datetime.min.replace(tzinfo=UTC)


def pod_problem(pod: Pod, events: Iterable[Event], lines: Mapping[str, str], now: datetime) -> str:
    """Return why ``pod`` does not run, or nothing.

    ``events`` may be of any pods; ``lines`` are the last lines of the pods' logs, by name.
    """
    own = [each for each in events if each.pod == pod.name]
    if sentence := _refusal(pod, own) or _end(pod):
        return sentence
    for container in pod.containers:
        if sentence := _container(pod, container, lines.get(pod.name, "")):
            return sentence
    if pod.status.phase not in {"", "Pending"}:
        return ""
    return _placement(pod) or _event(pod, own) or _silence(pod, now)


def inaction(
    created: datetime, conditions: Sequence[Condition], namespace: str, now: datetime
) -> str:
    """Return that the GlobalManager leaves the job alone, if it does, or nothing."""
    newest = conditions[-1] if conditions else None
    if newest and (newest.type is not ConditionType.READY or newest.stage is Stage.DEPLOY):
        return ""
    if now - (newest.time if newest else created) < _PATIENCE:
        return ""
    what = f"made no {newest.stage} worker" if newest else "not taken up the job"
    return (
        f"the GlobalManager has {what}: is it running, are the Dataset and the Models applied, and"
        f" does the namespace {namespace} admit pods with hostNetwork and hostPath? Its log says"
        " more: kubectl logs -n sedna deployment/gm"
    )


def _refusal(pod: Pod, events: Iterable[Event]) -> str:
    """Return that the kubelet refused the pod for want of room: it never tries that one again."""
    # The status repeats the event's message after the word Pod.
    told = [(each.reason, each.message) for each in events]
    for reason, message in [(pod.status.reason, pod.status.message), *told]:
        if reason.startswith(_NO_ROOM):
            return (
                f"{pod.name}: node {pod.spec.node_name} has no room for it"
                f" ({_brief(message.removeprefix('Pod '))}):"
                " lower the requests of the job's workers, or stop other pods there"
            )
    return ""


def _end(pod: Pod) -> str:
    is_failed = pod.status.phase == "Failed" and pod.status.message
    return f"{pod.name} was ended: {pod.status.message}" if is_failed else ""


def _container(pod: Pod, container: Container, last_line: str) -> str:
    waiting = container.state.waiting
    if waiting is None:
        return ""
    if waiting.reason in _IMAGE:
        return (
            f"{pod.name}: the image {container.image} cannot be had on node {pod.spec.node_name}"
            f" ({_brief(waiting.message) or waiting.reason}): push it, or mend its name"
        )
    if waiting.reason in _CREATION:
        return (
            f"{pod.name}: its container cannot be made on node {pod.spec.node_name}"
            f" ({_brief(waiting.message) or waiting.reason}): mend its template"
        )
    if waiting.reason == "CrashLoopBackOff":
        return _crash(pod, container, last_line)
    return ""


def _crash(pod: Pod, container: Container, last_line: str) -> str:
    ended = container.last_state.terminated
    if ended and ended.reason == "OOMKilled":
        return f"{pod.name} used more memory than its limit and was ended: raise the limit"
    said = last_line or f"see kubectl logs --previous {pod.name}"
    status = f"exit status {ended.exit_code}" if ended else "an error"
    return f"{pod.name} ends with {status} again and again: {said}"


def _placement(pod: Pod) -> str:
    for condition in pod.status.conditions:
        if condition.type == "PodScheduled" and condition.status == "False":
            return f"{pod.name}: no node takes it ({_brief(condition.message)})"
    return ""


def _event(pod: Pod, events: Sequence[Event]) -> str:
    warnings = [each for each in events if each.type == "Warning"]
    if not warnings:
        return ""
    newest = max(warnings, key=lambda each: each.last_timestamp or each.event_time or _OLDEST)
    if newest.reason in _VOLUME:
        return (
            f"{pod.name}: a volume cannot be mounted on node {pod.spec.node_name}"
            f" ({_brief(newest.message)}): the Job that prepares the node makes its folders"
        )
    return f"{pod.name} on node {pod.spec.node_name}: {newest.reason}: {_brief(newest.message)}"


def _silence(pod: Pod, now: datetime) -> str:
    is_old = now - pod.metadata.creation_timestamp > _PATIENCE
    if not pod.spec.node_name or pod.containers or not is_old:
        return ""
    return (
        f"{pod.name}: node {pod.spec.node_name} has not taken it: is that the node's name, and does"
        " its edgecore or kubelet run?"
    )


def _brief(message: str) -> str:
    """Return a message of the kubelet on one line, without its end if it is long."""
    line = " ".join(message.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
