"""Refuses, before anything runs, pods and jobs that one machine cannot run."""

from collections.abc import Iterator

from backend.errors import SettingsError
from jobs.resources.checks import JobResources
from jobs.resources.schema import PodSpec
from jobs.standalone.paths import Node

__all__ = ["check_limits", "check_models"]


def check_limits(resources: JobResources) -> None:
    """Refuse what the standalone runner does not support.

    Raises:
        SettingsError: lists all of it, one line each.
    """
    problems = [*_remote(resources)]
    for field, pod in resources.pods.items():
        problems += (f"{field}.template.spec{problem}" for problem in _pod(pod))
    if problems:
        lines = (
            f"{resources.name}: {problem}, which one machine cannot do" for problem in problems
        )
        raise SettingsError("\n".join(lines))


def check_models(resources: JobResources, node: Node) -> None:
    """Check that there is a model to start from and one to deploy.

    Raises:
        SettingsError: a model's file is missing.
    """
    for model in (resources.initial_model, resources.deploy_model, resources.eval_model):
        path = node.local(model.spec.url)
        if not path.is_file():
            raise SettingsError(
                f"Model {model.metadata.name}: there is no file {path}: put a model there"
            )


def _remote(resources: JobResources) -> Iterator[str]:
    for field, url in resources.urls.items():
        if not url.startswith("/"):
            yield f"{field}: {url} is not on the node"


def _pod(pod: PodSpec) -> Iterator[str]:
    if len(pod.containers) > 1:
        yield f".containers: there are {len(pod.containers)} of them"
    if "initContainers" in pod.other:
        yield ".initContainers: there are some"
    container = pod.containers[0]
    if "envFrom" in container.other:
        yield ".containers.0.envFrom: variables come from elsewhere"
    for variable in container.env:
        if "valueFrom" in variable.other:
            yield f".containers.0.env: {variable.name} comes from elsewhere"
