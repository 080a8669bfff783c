"""Runs workers in containers: a pod's container, run by docker or podman.

A worker is still a process on this machine: the engine's client, which runs as long as its
container, forwards SIGTERM to it and ends with its exit status.
"""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from posixpath import normpath

from backend.errors import SettingsError
from jobs.resources.schema import PodSpec
from jobs.standalone.workers import Place
from jobs.status import WorkerState
from workers.contract import (
    DATA_PATH_PREFIX,
    MODEL_HOT_UPDATE_FILE,
    MODEL_HOT_UPDATE_FOLDER,
    Variable,
)

__all__ = ["ENGINES", "ContainerEngine", "InContainers"]

ENGINES = ("docker", "podman")

_URLS = (
    Variable.BASE_MODEL_URL,
    Variable.MODEL_URL,
    Variable.MODEL_URLS,
    Variable.TRAIN_DATASET_URL,
    Variable.TEST_DATASET_URL,
    Variable.ORIGINAL_DATASET_URL,
)
_JOB_LABEL = "io.sedna-tinyms.job"
_PODMAN_LIMIT = 1 << 20
_ENOUGH = 4096
# A container that outlived its client, if there is one, must not run next to the new one.
_REPLACE = '"$1" rm --force "$0" >/dev/null 2>&1; exec "$@"'


@dataclass(frozen=True)
class ContainerEngine:
    """Docker or Podman, with the options that it needs on this machine."""

    name: str
    options: tuple[str, ...] = ()

    @classmethod
    def find(cls, name: str | None = None) -> "ContainerEngine":
        """Return the engine ``name``, or the first one that answers.

        Raises:
            SettingsError: there is none.
        """
        for each in (name,) if name else ENGINES:
            if _answers(each):
                return cls(each, tuple(_podman_options()) if each == "podman" else ())
        raise SettingsError(
            f"no {name or ' or '.join(ENGINES)} answers here: install or start one, or run the"
            " workers as processes"
        )

    def has(self, image: str) -> bool:
        """Return whether the image is on this machine."""
        return self._run("image", "inspect", image).returncode == 0

    def remove(self, label: str) -> None:
        """End and remove the containers with this label."""
        ids = self._run("ps", "--all", "--quiet", "--filter", f"label={label}").stdout.split()
        if ids:
            self._run("rm", "--force", *ids)

    def run(self, *arguments: str) -> list[str]:
        """Return the command that runs a container in the foreground and removes it then."""
        return [self.name, "run", "--rm", *self.options, *arguments]

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.name, *arguments], capture_output=True, text=True, check=False)


@dataclass(frozen=True)
class InContainers(Place):
    """Runs a job's workers from their images, as the GlobalManager would: see `workers.Place`."""

    engine: ContainerEngine

    @property
    def prefix(self) -> str:
        """DATA_PATH_PREFIX, as on a cluster."""
        return DATA_PATH_PREFIX

    def check(self, pods: Iterable[PodSpec]) -> None:
        """Check that the images are on this machine.

        Raises:
            SettingsError: one is not.
        """
        for image in dict.fromkeys(pod.containers[0].image for pod in pods):
            if not self.engine.has(image):
                raise SettingsError(
                    f"there is no image {image} here: build it (`make images`) or pull it"
                )

    def path(self, url: str) -> str:
        """Return the path in a container for the node's path ``url``."""
        return self.prefix + normpath(url)

    @property
    def hot_update_config(self) -> str:
        """The path of ``model_config.json`` in a container."""
        return f"{MODEL_HOT_UPDATE_FOLDER}/{MODEL_HOT_UPDATE_FILE}"

    def variables(self, pod: PodSpec) -> dict[str, str]:
        """Return the variables of the pod's container as they are written."""
        return pod.containers[0].environment

    def command(self, worker: WorkerState, pod: PodSpec, variables: Mapping[str, str]) -> list[str]:
        """Return the command that runs the worker's container.

        The values of ``variables`` come from the environment of the command, so that no
        secret of theirs is seen in the list of processes.
        """
        container = pod.containers[0]
        run = self.engine.run(
            *("--name", worker.name, "--label", f"{_JOB_LABEL}={self._job}"),
            *("--network", "host", "--user", f"{os.getuid()}:{os.getgid()}"),
            *_options("--env", variables),
            *_options("--mount", self._mounts(pod, variables)),
            *_options("--tmpfs", _scratch(pod)),
            *(("--entrypoint", container.command[0]) if container.command else ()),
            container.image,
            *container.command[1:],
            *container.args,
        )
        return ["/bin/sh", "-c", _REPLACE, worker.name, *run]

    def remove(self) -> None:
        """End and remove the job's remaining containers."""
        self.engine.remove(f"{_JOB_LABEL}={self._job}")

    @property
    def _job(self) -> str:
        return f"{self.files.namespace}/{self.files.name}"

    def _mounts(self, pod: PodSpec, variables: Mapping[str, str]) -> Iterator[str]:
        """The folders of the URLs, the hot-update folder and the template's own volumes."""
        for folder in _folders(variables):
            yield _bind(self.node.local(folder.removeprefix(self.prefix)), folder)
        if Variable.MODEL_HOT_UPDATE in variables:
            yield _bind(self.files.hot_update, MODEL_HOT_UPDATE_FOLDER)
        paths = {volume.name: volume.host_path.path for volume in pod.volumes if volume.host_path}
        for mount in pod.containers[0].volume_mounts:
            if mount.name in paths:
                host = self.node.local(paths[mount.name]) / mount.sub_path
                yield _bind(host, mount.mount_path, read_only=mount.other.get("readOnly") is True)


def _answers(engine: str) -> bool:
    """A docker client says nothing: its daemon has to answer."""
    if shutil.which(engine) is None:
        return False
    return subprocess.run([engine, "info"], capture_output=True, check=False).returncode == 0


def _podman_options() -> Iterator[str]:
    if os.getuid():
        yield "--userns=keep-id"
    if not Path("/sys/fs/cgroup/cgroup.controllers").exists() and shutil.which("runc"):
        yield "--runtime=runc"  # crun refuses the old cgroups
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < _PODMAN_LIMIT:
        # Podman asks for the most that a kernel gives, also where that is not allowed.
        yield f"--ulimit=nofile={_ENOUGH}:{_ENOUGH}"
        yield f"--ulimit=nproc={_ENOUGH}:{_ENOUGH}"


def _folders(variables: Mapping[str, str]) -> Sequence[str]:
    """The parent folders of all URLs, as the GlobalManager mounts them."""
    urls = (url for name in _URLS for url in variables.get(name, "").split(";") if url)
    return list(dict.fromkeys(str(PurePosixPath(url).parent) for url in urls))


def _scratch(pod: PodSpec) -> Iterator[str]:
    empty = {volume.name for volume in pod.volumes if "emptyDir" in volume.other}
    return (mount.mount_path for mount in pod.containers[0].volume_mounts if mount.name in empty)


def _bind(host: Path, target: str, *, read_only: bool = False) -> str:
    return f"type=bind,source={host},target={target}{',readonly' if read_only else ''}"


def _options(option: str, values: Iterable[str]) -> Iterator[str]:
    for value in values:
        yield from (option, value)
