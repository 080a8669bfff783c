"""The images that `make images-verify` names, and how a hardened container of one runs."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jobs.standalone.containers import ContainerEngine

WORKER_UID = 10001
HARDENED = (
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--memory=2g",
)

FIRST_MODEL = """
from backend.classifier import TinyMSClassifier
model = TinyMSClassifier(("croissant", "dog"), {})
for suffix in ("ckpt", "onnx"):
    model.save(f"/models/model.{{suffix}}")
"""


@dataclass(frozen=True)
class Images:
    """The images of one tag."""

    engine: ContainerEngine
    registry: str
    tag: str

    def name(self, worker: str) -> str:
        """Return the name of a worker's image."""
        registry = f"{self.registry}/" if self.registry else ""
        return f"{registry}sedna-tinyms/{worker}:{self.tag}"

    def hardened(self, worker: str, *options: str, network: str = "none") -> list[str]:
        """Return the command, but for arguments, that runs a worker's image."""
        options = (*HARDENED, f"--network={network}", *options)
        return self.engine.run(*options, self.name(worker))

    def python(self, worker: str, script: str, *options: str) -> str:
        """Run Python in the image and return what it prints."""
        command = self.hardened(worker, "--entrypoint=python", *options)
        return run([*command, "-W", "ignore", "-c", script])

    def make_model(self, folder: Path, size: int) -> None:
        """Write an untrained model into ``folder``, as model.ckpt and model.onnx."""
        self.python(
            "train", FIRST_MODEL.format(size), f"--volume={folder}:/models", f"--user={os.getuid()}"
        )

    def inspect(self, worker: str) -> dict[str, Any]:
        """Return what the engine says of a worker's image."""
        text = run([self.engine.name, "image", "inspect", self.name(worker)])
        described: dict[str, Any] = json.loads(text)[0]
        return described


def run(command: list[str]) -> str:
    """Run a command that must succeed and return its output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def images() -> Images:
    """The built images; skips where none are named."""
    return named_images("IMAGES_TAG")


def named_images(variable: str) -> Images:
    """Return the images with the tag in this environment variable; skip without one."""
    if variable not in os.environ:
        pytest.skip("no images are named: run `make images images-verify`")
    return Images(
        ContainerEngine.find(os.environ["IMAGES_ENGINE"]),
        os.environ.get("IMAGES_REGISTRY", ""),
        os.environ[variable],
    )


def open_to_workers(folder: Path) -> Path:
    """Make a folder that the images' own user may write to."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)
    return folder
