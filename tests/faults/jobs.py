"""A whole job with real training, small enough that a round takes seconds."""

import contextlib
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import psutil
import yaml
from PIL import Image

from backend.classifier import TinyMSClassifier
from demo.dataset import append_samples
from jobs.standalone.state import StateFile
from jobs.status import JobStatus
from tests.e2e.conftest import BARE_ENVIRONMENT, Manifests
from workers.contract import Variable

CLASSES = ("green", "red")
COLOURS = {"green": (20, 200, 60), "red": (220, 30, 30)}
INPUT_SIZE = 32
TRAIN_SHARE, EVAL_SHARE = 6, 2
INCREMENT = TRAIN_SHARE + EVAL_SHARE
MODELS = ("first/net.ckpt", "served/net.onnx")


def save_first_models(folder: Path) -> None:
    """Write an untrained model in both formats: every job starts from a copy."""
    estimator = TinyMSClassifier(CLASSES, INPUT_SIZE)
    for name in MODELS:
        (folder / name).parent.mkdir(parents=True)
        estimator.save(folder / name)


@dataclass(frozen=True)
class SmallJob:
    """A job whose rounds each train on one increment, and deploy whatever comes of it."""

    root: Path
    name: str = "colours"

    @classmethod
    def make(
        cls, root: Path, models: Path, *, hot_update: bool = True, **serving: str
    ) -> "SmallJob":
        """Write its manifests and models; ``serving`` are variables of the inference worker."""
        job = cls(root)
        root.mkdir()
        for name in MODELS:
            (job.node / name).parent.mkdir(parents=True)
            (job.node / name).write_bytes((models / name).read_bytes())
        (job.node / "samples").mkdir()
        job.scratch.mkdir()
        manifests = Manifests(
            name=job.name,
            class_names=CLASSES,
            train_prob=TRAIN_SHARE / INCREMENT,
            num_of_samples=TRAIN_SHARE,
            deploy_condition={"metric": "accuracy[0]", "operator": ">=", "threshold": 0},
            worker={"input_shape": f"{INPUT_SIZE},{INPUT_SIZE}"},
            training={"epochs": "2", "batch_size": "2", "fine_tune": "head", "replay": "4"},
        ).write(job.manifests)
        _set(manifests / "job.yaml", serving, hot_update=hot_update)
        return job

    @property
    def manifests(self) -> Path:
        """The folder of manifests."""
        return self.root / "manifests"

    @property
    def node(self) -> Path:
        """Where everything of the job is."""
        return self.root / "node" / self.name

    @property
    def output(self) -> Path:
        """The outputDir."""
        return self.node / "out"

    @property
    def index(self) -> Path:
        """The index file."""
        return self.node / "samples" / "list.txt"

    @property
    def inbox(self) -> Path:
        """The images that wait for an answer."""
        return self.node / "inbox"

    @property
    def scratch(self) -> Path:
        """Where temporary files go."""
        return self.root / "tmp"

    def command(self, *arguments: object) -> list[str]:
        """Return an ``iljob`` command for this job."""
        verb, *rest = map(str, arguments)
        folders = [str(self.manifests), "--root", str(self.root)]
        return [sys.executable, "-m", "jobs", verb, *folders, *rest]

    def run(self, *arguments: object, log: IO[str]) -> "subprocess.Popen[bytes]":
        """Start ``iljob run`` as an operator would."""
        return subprocess.Popen(
            self.command("run", *arguments),
            env={**BARE_ENVIRONMENT, "TMPDIR": str(self.scratch)},
            stdout=subprocess.DEVNULL,
            stderr=log,
        )

    def status(self) -> JobStatus | None:
        """Return the job's status on disk, or None if it never ran."""
        state = StateFile.read(self.output / "iljob" / "state.json")
        return state.status if state else None

    def append(self, number: int) -> None:
        """Append increment ``number`` to the index, all at once."""
        pictures = [self._picture(f"{number}-{each}", each) for each in range(INCREMENT)]
        append_samples(self.index, pictures)

    def ask(self, number: int) -> None:
        """Put image ``number`` into the inbox, whole."""
        path, _ = self._picture(f"asked-{number}", number)
        path.rename(self.inbox / path.name)

    def processes(self) -> dict[str, psutil.Process]:
        """Return the processes of the workers that are alive, by the workers' names."""
        found = {}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                environment = process.environ()
                is_ours = environment.get(Variable.DATA_PATH_PREFIX) == str(self.root)
                if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                    found[environment[Variable.WORKER_NAME]] = process
        return found

    def _picture(self, name: str, number: int) -> tuple[Path, str]:
        label = CLASSES[number % len(CLASSES)]
        noise = np.random.default_rng(number).normal(COLOURS[label], 30, (40, 40, 3))
        path = self.root / "pictures" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(path)
        return path, label


def seeded(seed: int) -> random.Random:
    """Return a source of chance that the seed decides."""
    return random.Random(seed)  # noqa: S311 - chooses faults, no secret


def _set(file: Path, serving: dict[str, str], *, hot_update: bool) -> None:
    job = yaml.safe_load(file.read_text())
    deploy = job["spec"]["deploySpec"]
    deploy["model"]["hotUpdateEnabled"] = hot_update
    env = deploy["template"]["spec"]["containers"][0]["env"]
    env += [{"name": name, "value": value} for name, value in serving.items()]
    file.write_text(yaml.safe_dump(job))
