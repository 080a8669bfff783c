"""The node's paths on this machine, and the files of a job."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from posixpath import normpath

from backend.errors import SettingsError
from jobs.resources.checks import JobResources
from workers.contract import JOB_KIND, MODEL_HOT_UPDATE_FILE

__all__ = ["JobFiles", "Node"]

_PRIVATE = 0o700
_HOT_UPDATE_ROOT = "/var/lib/sedna/model-hot-update"


@dataclass(frozen=True)
class Node:
    """The node of the manifests: its ``/`` is the folder ``root`` of this machine."""

    root: Path

    @property
    def prefix(self) -> str:
        """The prefix of the node's paths on this machine: DATA_PATH_PREFIX."""
        return "" if self.root == Path("/") else str(self.root)

    def local(self, url: str) -> Path:
        """Return the path on this machine, always below ``root``, for the node's path ``url``.

        Raises:
            SettingsError: ``url`` is not an absolute path.
        """
        if not url.startswith("/"):
            raise SettingsError(
                f"{url} is not an absolute path, and one machine supports no others"
            )
        return Path(self.prefix + normpath(f"/{url.lstrip('/')}"))


class JobFiles:
    """The files of a job: URLs are the node's paths, all others are this machine's."""

    def __init__(self, node: Node, namespace: str, name: str, output_url: str) -> None:
        """Name the files of the job ``namespace/name`` with this outputDir on ``node``."""
        self.node = node
        self.namespace = namespace
        self.name = name
        self.output_url = output_url
        self.folder = node.local(output_url) / "iljob"
        """The runner's own folder, for its user only."""
        self.state = self.folder / "state.json"
        """Everything that is needed to continue."""
        self.lock = self.folder / "lock"
        """Locked by the job's only runner; contains that runner's process id."""
        self.report = self.folder / "report.html"
        self.retry = self.folder / "retry"
        """After how many rounds `iljob retry` has asked for another."""
        self.logs = self.folder / "logs"
        """One file for each worker."""
        self.hot_update = node.local(f"{_HOT_UPDATE_ROOT}/{namespace}/{JOB_KIND}/{name}")
        self.hot_update_config = self.hot_update / MODEL_HOT_UPDATE_FILE
        """The file that announces a new model to the inference worker."""

    @classmethod
    def of(cls, resources: JobResources, node: Node) -> "JobFiles":
        """Return the files of the job ``resources`` on ``node``."""
        output_url = normpath(resources.job.spec.output_dir)
        return cls(node, resources.namespace, resources.name, output_url)

    def scratch(self, kind: str) -> Path:
        """Return the folder for the temporary files of a kind of worker."""
        return self.folder / "tmp" / kind

    def train_data_url(self, round_: int) -> str:
        """Return the URL of the training samples of ``round_``."""
        return f"{self.output_url}/data/train/{round_}/data.txt"

    def eval_data_url(self, round_: int) -> str:
        """Return the URL of the evaluation samples of ``round_``."""
        return f"{self.output_url}/data/eval/{round_}/data.txt"

    def train_output_url(self, round_: int) -> str:
        """Return the URL of the folder for the models of ``round_``."""
        return f"{self.output_url}/train/{round_}"

    def make_folders(self) -> None:
        """Create the folders that the LocalController creates under outputDir, and the runner's."""
        output = self.node.local(self.output_url)
        for folder in ("data/train", "data/eval", "train", "eval"):
            (output / folder).mkdir(parents=True, exist_ok=True)
        _make_private(self.folder)
        self.logs.mkdir(exist_ok=True)


def _make_private(folder: Path) -> None:
    """Create a folder that only its owner can read: it contains the workers' secrets."""
    folder.mkdir(mode=_PRIVATE, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise SettingsError(
            f"{folder} is a link or belongs to another user: remove it, the runner creates its own"
        )
    folder.chmod(_PRIVATE)
