"""Defines a worker as the GlobalManager does: its name, its command and its environment."""

import os
import secrets
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from backend.errors import SettingsError
from jobs.resources.checks import JobResources
from jobs.resources.schema import PodSpec
from jobs.standalone.conditions import StageInput
from jobs.standalone.paths import JobFiles, Node
from jobs.status import WorkerState
from workers.contract import Variable

__all__ = [
    "EVAL",
    "INFER",
    "TRAIN",
    "Place",
    "WorkerFactory",
    "container_environment",
    "make_host_folders",
]

TRAIN, EVAL, INFER = "train", "eval", "infer"

_NAMES = {TRAIN: "train-worker", EVAL: "eval-worker", INFER: "inferworker"}
_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH = 5
_SCRATCH = "TMPDIR"
_KEPT_VARIABLES = ("PATH", "PYTHONPATH", "HOME", "LANG", "LC_ALL", _SCRATCH, "VIRTUAL_ENV")


@dataclass(frozen=True)
class Place:
    """Where workers run, and how they see the node's paths there: processes of this machine."""

    node: Node
    files: JobFiles

    @property
    def prefix(self) -> str:
        """DATA_PATH_PREFIX."""
        return self.node.prefix

    @property
    def hot_update_config(self) -> str:
        """The path of ``model_config.json``."""
        return str(self.files.hot_update_config)

    def check(self, pods: Iterable[PodSpec]) -> None:
        """Raise SettingsError if workers of these pods cannot run here: processes always can."""

    def path(self, url: str) -> str:
        """Return where a worker sees the node's path ``url``."""
        return str(self.node.local(url))

    def variables(self, pod: PodSpec) -> dict[str, str]:
        """Return the variables of the pod's container, with paths in its mounts mapped."""
        return container_environment(pod, self.node)

    def command(
        self, _worker: WorkerState, pod: PodSpec, _variables: Mapping[str, str], /
    ) -> list[str]:
        """Return the command of the worker's process; ``variables`` are in its environment."""
        container = pod.containers[0]
        return [*(container.command or [sys.executable, "-m", "workers"]), *container.args]

    def remove(self) -> None:
        """Remove what remains of workers whose processes have ended: here, nothing."""


@dataclass(frozen=True)
class WorkerFactory:
    """Creates the workers of one job; ``place`` is where they run."""

    resources: JobResources
    place: Place

    def new(self, kind: str, round_: int) -> WorkerState:
        """Return a worker that has not started, with a new name."""
        suffix = "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(_SUFFIX_LENGTH))
        name = f"{_NAMES[kind]}-{suffix}"
        log = self.place.files.logs / f"{kind}-{round_}-{name}.log"
        return WorkerState(name=name, kind=kind, log=log, started=datetime.now(UTC))

    def command(self, worker: WorkerState, environment: Mapping[str, str]) -> list[str]:
        """Return the command of the worker's process, with this ``environment``."""
        pod = self._pod(worker)
        template = self.place.variables(pod)
        kept = {*_KEPT_VARIABLES} - template.keys()
        variables = {name: value for name, value in environment.items() if name not in kept}
        return self.place.command(worker, pod, variables)

    def environment(
        self, worker: WorkerState, server: str, input_: StageInput | None
    ) -> dict[str, str]:
        """Return the worker's complete environment, as clean as in a pod.

        ``server`` is its LC_SERVER; an inference worker has no ``input_``.
        """
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        kept[_SCRATCH] = str(self.place.files.scratch(worker.kind))
        template = self.place.variables(self._pod(worker))
        return kept | template | self._common(worker, server) | self._own(worker, input_)

    def _pod(self, worker: WorkerState) -> PodSpec:
        spec = self.resources.job.spec
        templates = {
            TRAIN: spec.train_spec.template,
            EVAL: spec.eval_spec.template,
            INFER: spec.deploy_spec.template,
        }
        return templates[worker.kind].spec

    def _common(self, worker: WorkerState, server: str) -> dict[str, str]:
        return {
            Variable.NAMESPACE: self.resources.namespace,
            Variable.JOB_NAME: self.resources.name,
            Variable.WORKER_NAME: worker.name,
            Variable.LC_SERVER: server,
            Variable.DATA_PATH_PREFIX: self.place.prefix,
        }

    def _own(self, worker: WorkerState, input_: StageInput | None) -> dict[str, str]:
        if input_ is None:
            return self._infer()
        urls = self._train(input_) if worker.kind == TRAIN else self._eval(input_)
        return urls | {
            Variable.ORIGINAL_DATASET_URL: self.place.path(self.resources.dataset.spec.url)
        }

    def _train(self, input_: StageInput) -> dict[str, str]:
        return {
            Variable.BASE_MODEL_URL: self.place.path(input_.models[0].url),
            Variable.MODEL_URL: self.place.path(input_.output_dir),
            Variable.TRAIN_DATASET_URL: self.place.path(input_.data_url),
        }

    def _eval(self, input_: StageInput) -> dict[str, str]:
        return {
            Variable.MODEL_URLS: ";".join(self.place.path(model.url) for model in input_.models),
            Variable.TEST_DATASET_URL: self.place.path(input_.data_url),
        }

    def _infer(self) -> dict[str, str]:
        spec = self.resources.job.spec.deploy_spec
        model_url = self.place.path(self.resources.deploy_model.spec.url)
        environment: dict[str, str] = {
            Variable.MODEL_URL: model_url,
            **spec.hard_example_mining.variables,
        }
        if spec.model.hot_update_enabled:
            environment |= {
                Variable.MODEL_HOT_UPDATE: "true",
                Variable.MODEL_POLL_PERIOD_SECONDS: str(spec.model.poll_period_seconds),
                Variable.MODEL_HOT_UPDATE_CONFIG: self.place.hot_update_config,
            }
        return environment


def container_environment(pod: PodSpec, node: Node) -> dict[str, str]:
    """Return the variables of the pod's container, with paths in its mounts mapped.

    A value that is a volumeMount's mountPath, or a path below one, becomes the path of the
    hostPath volume on this machine.
    """
    mounts = _mounted(pod, node)
    variables = pod.containers[0].environment
    return {name: _mapped(value, mounts) for name, value in variables.items()}


def make_host_folders(pod: PodSpec, node: Node) -> None:
    """Create the hostPath volumes of type DirectoryOrCreate, as the kubelet does.

    Raises:
        SettingsError: a volume of type Directory is missing.
    """
    for volume in pod.volumes:
        if volume.host_path is None:
            continue
        folder = node.local(volume.host_path.path)
        if volume.host_path.type == "DirectoryOrCreate":
            folder.mkdir(parents=True, exist_ok=True)
        elif volume.host_path.type == "Directory" and not folder.is_dir():
            raise SettingsError(f"volume {volume.name}: the folder {folder} is missing: create it")


def _mounted(pod: PodSpec, node: Node) -> dict[PurePosixPath, Path]:
    """Return the path on this machine of each mountPath, the innermost mounts first."""
    hosts = {v.name: node.local(v.host_path.path) for v in pod.volumes if v.host_path}
    mounts = {
        PurePosixPath(mount.mount_path): hosts[mount.name] / mount.sub_path
        for mount in pod.containers[0].volume_mounts
        if mount.name in hosts
    }
    return dict(sorted(mounts.items(), key=lambda item: len(item[0].parts), reverse=True))


def _mapped(value: str, mounts: Mapping[PurePosixPath, Path]) -> str:
    path = PurePosixPath(value)
    for mount, host in mounts.items():
        if path.is_relative_to(mount):
            return str(host / path.relative_to(mount))
    return value
