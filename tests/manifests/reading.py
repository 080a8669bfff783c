"""The manifests, as plain documents and as the strict loader reads them."""

import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from jobs.resources.checks import JobResources
from jobs.resources.loader import load_documents, load_job

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "manifests"
ASCEND = ROOT / "overlays" / "ascend"
HTTP = ROOT / "overlays" / "http"
OVERLAYS = sorted(file.parent for file in (ROOT / "overlays").glob("*/kustomization.yaml"))

Object = dict[str, Any]


def documents() -> list[Object]:
    """Return what `kubectl apply -f manifests/` applies."""
    return load_documents([MANIFESTS])


def resources() -> JobResources:
    """Return the job."""
    return load_job([MANIFESTS])


def document(kind: str, name: str = "") -> Object:
    """Return the one document of a kind, and of a name where there are more."""
    [found] = [
        each
        for each in documents()
        if each["kind"] == kind and name in ("", each["metadata"]["name"])
    ]
    return found


def pods(of: list[Object]) -> Iterator[tuple[str, Object]]:
    """Yield every pod's spec with a name for it."""
    for each in of:
        spec, name = each.get("spec", {}), f"{each['kind']}/{each['metadata']['name']}"
        if each["kind"] == "Job":
            yield name, spec["template"]["spec"]
        if each["kind"] == "CronJob":
            yield name, spec["jobTemplate"]["spec"]["template"]["spec"]
        if each["kind"] == "IncrementalLearningJob":
            for part in ("trainSpec", "evalSpec", "deploySpec"):
                yield f"{name}.{part}", spec[part]["template"]["spec"]


def containers(of: list[Object]) -> Iterator[tuple[str, Object]]:
    """Yield every container, init containers too, with a name for it."""
    for name, pod in pods(of):
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            yield f"{name}/{container['name']}", container


def variables(container: Object) -> dict[str, str]:
    """Return a container's environment."""
    return {each["name"]: each["value"] for each in container["env"]}


@functools.cache
def kustomized(folder: Path) -> str:
    """Return what `kubectl apply -k` applies."""
    command = ["kubectl", "kustomize", str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def sorted_documents(text: str) -> list[Object]:
    """Return the documents of a YAML text by kind and name."""
    found = [each for each in yaml.safe_load_all(text) if each]
    return sorted(found, key=lambda each: (each["kind"], each["metadata"]["name"]))
