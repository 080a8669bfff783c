"""What the GlobalManager gives to a worker: its name, its command and its environment."""

import json
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from backend.errors import SettingsError
from jobs.resources.checks import JobResources
from jobs.resources.schema import PodSpec
from jobs.standalone.conditions import StageInput
from jobs.standalone.paths import JobFiles, Node
from jobs.standalone.server import HOST
from jobs.status import WorkerState
from workers.contract import Variable

__all__ = ["EVAL", "INFER", "TRAIN", "WorkerFactory", "container_environment", "make_host_folders"]

TRAIN, EVAL, INFER = "train", "eval", "infer"

_NAMES = {TRAIN: "train-worker", EVAL: "eval-worker", INFER: "inferworker"}
_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH = 5
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")


@dataclass(frozen=True)
class WorkerFactory:
    """Makes the workers of one job."""

    resources: JobResources
    node: Node
    files: JobFiles

    def new(self, kind: str, round_: int) -> WorkerState:
        """Return a worker that has not started; its name is not used before."""
        suffix = "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(_SUFFIX_LENGTH))
        name = f"{_NAMES[kind]}-{suffix}"
        log = self.files.logs / f"{kind}-{round_}-{name}.log"
        return WorkerState(name=name, kind=kind, log=log, started=datetime.now(UTC))

    def command(self, worker: WorkerState) -> list[str]:
        """Return what the worker's process runs: the container's command, or this project's."""
        container = self._pod(worker).containers[0]
        return [*(container.command or [sys.executable, "-m", "workers"]), *container.args]

    def environment(
        self, worker: WorkerState, port: int, input_: StageInput | None
    ) -> dict[str, str]:
        """Return the worker's whole environment: as clean as in a pod.

        ``port`` is that of the endpoint for messages; an inference worker has no ``input_``.
        """
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        template = container_environment(self._pod(worker), self.node)
        return kept | template | self._common(worker, port) | self._own(worker, input_)

    def _pod(self, worker: WorkerState) -> PodSpec:
        spec = self.resources.job.spec
        templates = {
            TRAIN: spec.train_spec.template,
            EVAL: spec.eval_spec.template,
            INFER: spec.deploy_spec.template,
        }
        return templates[worker.kind].spec

    def _common(self, worker: WorkerState, port: int) -> dict[str, str]:
        return {
            Variable.NAMESPACE: self.resources.namespace,
            Variable.JOB_NAME: self.resources.name,
            Variable.WORKER_NAME: worker.name,
            Variable.LC_SERVER: f"http://{HOST}:{port}",
            Variable.DATA_PATH_PREFIX: self.node.prefix,
        }

    def _own(self, worker: WorkerState, input_: StageInput | None) -> dict[str, str]:
        if input_ is None:
            return self._infer()
        urls = self._train(input_) if worker.kind == TRAIN else self._eval(input_)
        return urls | {Variable.ORIGINAL_DATASET_URL: self._local(self.resources.dataset.spec.url)}

    def _train(self, input_: StageInput) -> dict[str, str]:
        return {
            Variable.BASE_MODEL_URL: self._local(input_.models[0].url),
            Variable.MODEL_URL: self._local(input_.output_dir),
            Variable.TRAIN_DATASET_URL: self._local(input_.data_url),
        }

    def _eval(self, input_: StageInput) -> dict[str, str]:
        return {
            Variable.MODEL_URLS: ";".join(self._local(model.url) for model in input_.models),
            Variable.TEST_DATASET_URL: self._local(input_.data_url),
        }

    def _infer(self) -> dict[str, str]:
        spec = self.resources.job.spec.deploy_spec
        parameters = [p.model_dump() for p in spec.hard_example_mining.parameters]
        environment: dict[str, str] = {
            Variable.MODEL_URL: self._local(self.resources.deploy_model.spec.url),
            Variable.HEM_NAME: spec.hard_example_mining.name,
            Variable.HEM_PARAMETERS: json.dumps(parameters),
        }
        if spec.model.hot_update_enabled:
            environment |= {
                Variable.MODEL_HOT_UPDATE: "true",
                Variable.MODEL_POLL_PERIOD_SECONDS: str(spec.model.poll_period_seconds),
                Variable.MODEL_HOT_UPDATE_CONFIG: str(self.files.hot_update_config),
            }
        return environment

    def _local(self, url: str) -> str:
        return str(self.node.local(url))


def container_environment(pod: PodSpec, node: Node) -> dict[str, str]:
    """Return the variables of the pod's container, with paths in its mounts mapped.

    A value that is a volumeMount's mountPath, or lies under it, becomes the path of the
    hostPath volume on this machine.
    """
    mounts = _mounted(pod, node)
    return {variable.name: _mapped(variable.value, mounts) for variable in pod.containers[0].env}


def make_host_folders(pod: PodSpec, node: Node) -> None:
    """Make the hostPath volumes of type DirectoryOrCreate, as the kubelet does.

    Raises:
        SettingsError: a volume of type Directory is not there.
    """
    for volume in pod.volumes:
        if volume.host_path is None:
            continue
        folder = node.local(volume.host_path.path)
        if volume.host_path.type == "DirectoryOrCreate":
            folder.mkdir(parents=True, exist_ok=True)
        elif volume.host_path.type == "Directory" and not folder.is_dir():
            raise SettingsError(f"volume {volume.name}: the folder {folder} is missing: make it")


def _mounted(pod: PodSpec, node: Node) -> dict[PurePosixPath, Path]:
    """Return where each mountPath is on this machine, the innermost mounts first."""
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
