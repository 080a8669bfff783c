"""Whole jobs: what they need besides the manifests."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
import yaml

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"
BARE_ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


@dataclass(frozen=True)
class Manifests:
    """Three manifests, written from nothing but their own words."""

    name: str
    class_names: tuple[str, ...]
    train_prob: float
    num_of_samples: int
    deploy_condition: Mapping[str, object]
    worker: Mapping[str, str]
    training: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Write Dataset, Models and IncrementalLearningJob; everything lies under /node/NAME."""
        folder.mkdir(parents=True, exist_ok=True)
        for file, resources in {
            "dataset.yaml": [self._dataset()],
            "models.yaml": [self._model("first", "ckpt"), self._model("served", "onnx")],
            "job.yaml": [self._job()],
        }.items():
            (folder / file).write_text(yaml.safe_dump_all(resources))
        return folder

    def _dataset(self) -> dict[str, object]:
        url = f"/node/{self.name}/samples/list.txt"
        return _resource("Dataset", "samples", {"url": url, "format": "txt", "nodeName": "n1"})

    def _model(self, name: str, suffix: str) -> dict[str, object]:
        url = f"/node/{self.name}/{name}/net.{suffix}"
        return _resource("Model", name, {"url": url, "format": suffix})

    def _job(self) -> dict[str, object]:
        inbox = f"/node/{self.name}/inbox"
        serving = self._template("infer", {"infer_url": "/inbox"})
        serving["spec"]["containers"][0]["volumeMounts"] = [{"name": "i", "mountPath": "/inbox"}]
        serving["spec"]["volumes"] = [
            {"name": "i", "hostPath": {"path": inbox, "type": "DirectoryOrCreate"}}
        ]
        enough = {"metric": "num_of_samples", "operator": ">=", "threshold": self.num_of_samples}
        return _resource(
            "IncrementalLearningJob",
            self.name,
            {
                "dataset": {"name": "samples", "trainProb": self.train_prob},
                "initialModel": {"name": "first"},
                "trainSpec": {
                    "template": self._template("train", self.training),
                    "trigger": {"condition": enough},
                },
                "evalSpec": {"template": self._template("eval", {})},
                "deploySpec": {
                    "model": {"name": "served", "hotUpdateEnabled": True},
                    "trigger": {"condition": dict(self.deploy_condition)},
                    "hardExampleMining": {"name": "Margin", "parameters": []},
                    "template": serving,
                },
                "outputDir": f"/node/{self.name}/out",
            },
        )

    def _template(self, kind: str, own: Mapping[str, str]) -> dict[str, Any]:
        environment = {"class_names": ",".join(self.class_names), **self.worker, **own}
        container = {
            "name": kind,
            "image": "example.org/worker:1",
            "args": [kind],
            "env": [{"name": name, "value": value} for name, value in environment.items()],
        }
        return {"spec": {"nodeName": "n1", "containers": [container]}}


def _resource(kind: str, name: str, spec: dict[str, object]) -> dict[str, object]:
    return {
        "apiVersion": "sedna.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def run(*command: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command of this project as a user would, and hold it to its exit status."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        env=BARE_ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    output = indent(done.stdout + done.stderr, "    ")
    assert done.returncode == status, f"exit status {done.returncode}:\n{output}"
    return done


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real weights and photographs, which are not part of this repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real weights and photographs are not here: there is no {SHARED_DATA}")
    return SHARED_DATA
