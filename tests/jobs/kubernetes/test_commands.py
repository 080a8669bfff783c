"""The commands in sentences work: kubectl's are run, iljob's are parsed."""

import asyncio
import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs.cli import make_parser
from jobs.kubernetes.problems import inaction, no_inference, refused_pods
from tests.jobs.kubernetes.sedna_cluster import NAMESPACE, PODS, SednaCluster, waiting
from tests.jobs.kubernetes.test_problems import CREATING, LATE, event, problem

SOURCES = Path("jobs/kubernetes")
QUOTED = re.compile(r"`((?:kubectl|iljob|make) [^`]+)`")
ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def sentences() -> Iterator[str]:
    """Yield each sentence with a command of kubectl's, as it is told of the pod dogs-train-x."""
    yield problem(waiting("CrashLoopBackOff"))
    yield problem(CREATING, now=LATE)
    yield inaction(NOW, [], NAMESPACE, NOW + timedelta(hours=1))
    message = 'pods "prepare-x" is forbidden: violates PodSecurity "baseline:latest"'
    yield refused_pods([event("FailedCreate", message, name="p", kind="Job")], ["p"], NAMESPACE)
    yield no_inference(NOW, [], NOW + timedelta(hours=1))


def commands(texts: list[str], program: str) -> list[str]:
    """Return the commands of a program in the texts, each once."""
    found = [command for text in texts for command in QUOTED.findall(text)]
    return sorted({each for each in found if each.startswith(f"{program} ")})


def told() -> list[str]:
    """Return the literal texts of the package, with adjacent parts of a string joined."""
    texts = (file.read_text() for file in (ROOT / SOURCES).glob("*.py"))
    return [re.sub(r'"\s+f?"', "", text) for text in texts]


def verbs(found: list[str]) -> set[str]:
    return {" ".join(command.split()[:2]) for command in found}


def test_the_sentences_have_all_commands_of_kubectl_that_the_package_knows() -> None:
    assert verbs(commands(list(sentences()), "kubectl")) == verbs(commands(told(), "kubectl"))


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl here")
@pytest.mark.parametrize("command", commands(list(sentences()), "kubectl"))
async def test_a_command_of_kubectl_works_on_the_cluster(
    cluster: SednaCluster, command: str
) -> None:
    name = "dogs-train-x"
    for namespace, pod in ((NAMESPACE, name), ("sedna", "gm-x")):
        cluster.objects[PODS, namespace, pod] = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": pod, "namespace": namespace, "labels": {"sedna": "gm"}},
            "spec": {"containers": [{"name": "worker", "image": "scripted:1"}]},
            "status": waiting("CrashLoopBackOff"),
        }
        cluster["get", f"/api/v1/namespaces/{namespace}/pods/{pod}/log"] << b"said\n"
    labelled = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    cluster[f"/api/v1/namespaces/{NAMESPACE}"] << labelled
    manager = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "gm"}}
    selector = {"matchLabels": {"sedna": "gm"}}
    path = "/apis/apps/v1/namespaces/sedna/deployments/gm"
    cluster["get", path] << {**manager, "spec": {"selector": selector}}
    status, output = await run(*command.split())
    assert status == 0, output
    assert "said" in output or name in output or "labeled" in output


async def run(*command: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


@pytest.mark.parametrize("command", commands(told(), "iljob"))
def test_a_command_of_iljob_is_one(command: str) -> None:
    arguments = make_parser().parse_args(command.split()[1:])
    assert arguments.on == "kubernetes"


@pytest.mark.parametrize("command", commands(told(), "make"))
def test_a_command_of_make_names_a_target(command: str) -> None:
    target = command.split()[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
