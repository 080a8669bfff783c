"""A small job whose workers are scripted, in a folder that stands for a node."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from jobs.resources.loader import load_job
from jobs.standalone.runner import StandaloneRunner

WORKER = Path(__file__).with_name("scripted_worker.py")
BETTER = [{"accuracy": [0.9]}, {"accuracy": [0.6]}]
TRAIN_PROB = 0.8
WHOLE_ROUND = [
    "Train Waiting", "Train Ready", "Train Starting", "Train Running", "Train Completed",
    "Eval Waiting", "Eval Ready", "Eval Starting", "Eval Running", "Eval Completed",
    "Deploy Waiting", "Deploy Ready", "Deploy Starting", "Deploy Running", "Deploy Completed",
]  # fmt: skip


@dataclass
class Job:
    """The manifests of a job and its node; every field can be changed before `write`."""

    folder: Path
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.resources = {
            "dataset": resource("Dataset", "samples", SAMPLES),
            "initial": resource("Model", "initial", {"url": "/m/initial.ckpt", "format": "ckpt"}),
            "deploy": resource("Model", "deploy", {"url": "/m/deploy.onnx", "format": "onnx"}),
            "job": resource("IncrementalLearningJob", "dogs", job_spec()),
        }
        for path in ("m/initial.ckpt", "m/deploy.onnx", "data/index.txt"):
            self.node(path).parent.mkdir(parents=True, exist_ok=True)
            self.node(path).touch()
        marks = self.node("marks")
        marks.mkdir()
        for kind in ("train", "eval", "infer"):
            self.environment(kind, marks=str(marks))

    @property
    def spec(self) -> dict[str, Any]:
        """The IncrementalLearningJob's spec."""
        spec: dict[str, Any] = self.resources["job"]["spec"]
        return spec

    @property
    def root(self) -> Path:
        """The folder that stands for the node's /."""
        return self.folder / "node"

    @property
    def manifests(self) -> Path:
        """The folder of manifests, written."""
        folder = self.folder / "manifests"
        folder.mkdir(exist_ok=True)
        text = yaml.safe_dump_all(self.resources.values())
        (folder / "job.yaml").write_text(text)
        return folder

    def runner(self, root: Path | None = None) -> StandaloneRunner:
        """Return a runner of the job whose restarts do not wait."""
        resources = load_job([self.manifests])
        return StandaloneRunner(resources, root or self.root, backoff_seconds=0.01)

    def node(self, path: str) -> Path:
        """Return where a path of the node is."""
        return self.root / path

    def environment(self, kind: str, **variables: str) -> None:
        """Set variables of a worker's template."""
        env = self.spec[f"{SPECS[kind]}"]["template"]["spec"]["containers"][0]["env"]
        env += [{"name": name, "value": value} for name, value in variables.items()]

    def gate(self, kind: str) -> Path:
        """Put a gate before the work of a kind of worker; return it."""
        gate = self.folder / f"gate-{kind}"
        os.mkfifo(gate)
        self.environment(kind, gate=str(gate))
        return gate

    def append(self, count: int, name: str = "s") -> list[str]:
        """Append samples to the index, in one write; return their lines."""
        lines = [f"{name}{number}.jpg dog" for number in range(count)]
        with self.node("data/index.txt").open("a") as index:
            index.write("".join(f"{line}\n" for line in lines))
        return lines

    def lines(self, path: str) -> list[str]:
        """Return the lines of a file on the node."""
        return self.node(path).read_text().splitlines()

    def processes(self) -> list[psutil.Process]:
        """Return the job's processes that are alive."""
        return [process for process in psutil.process_iter() if self._owns(process)]

    def _owns(self, process: psutil.Process) -> bool:
        try:
            prefix = process.environ().get("DATA_PATH_PREFIX")
            return prefix == str(self.root) and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


SPECS = {"train": "trainSpec", "eval": "evalSpec", "infer": "deploySpec"}
SAMPLES = {"url": "/data/index.txt", "format": "txt", "nodeName": "edge"}


def resource(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resource of Sedna's."""
    metadata = {"name": name, "namespace": "farm"}
    return {
        "apiVersion": "sedna.io/v1alpha1",
        "kind": kind,
        "metadata": metadata,
        "spec": {**spec},
    }


def job_spec() -> dict[str, Any]:
    """Return the spec of a job that trains on 4 samples and deploys what is better."""
    return {
        "dataset": {"name": "samples", "trainProb": TRAIN_PROB},
        "initialModel": {"name": "initial"},
        "trainSpec": {
            "trigger": {
                "condition": {"operator": ">=", "threshold": 4, "metric": "num_of_samples"}
            },
            "template": template("train"),
        },
        "evalSpec": {"template": template("eval", metrics=json.dumps(BETTER))},
        "deploySpec": {
            "model": {"name": "deploy", "hotUpdateEnabled": True},
            "trigger": {
                "condition": {"operator": ">", "threshold": 0.02, "metric": "accuracy_delta[0]"}
            },
            "hardExampleMining": {
                "name": "Random",
                "parameters": [{"key": "random_ratio", "value": "0.5"}],
            },
            "template": template("infer"),
        },
        "outputDir": "/out",
    }


def template(kind: str, **variables: str) -> dict[str, Any]:
    """Return a pod's template that runs the scripted worker."""
    container = {
        "name": kind,
        "image": "scripted:1",
        "command": [sys.executable, str(WORKER)],
        "args": [kind],
        "env": [{"name": name, "value": value} for name, value in variables.items()],
    }
    tolerations = [
        {"key": f"node.kubernetes.io/{taint}", "operator": "Exists", "effect": "NoExecute"}
        for taint in ("unreachable", "not-ready")
    ]
    spec = {"nodeName": "edge", "tolerations": tolerations, "containers": [container]}
    return {"spec": spec}


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    """A job that is not being run yet; whatever it leaves running is ended."""
    job = Job(tmp_path)
    yield job
    for process in job.processes():
        process.kill()
