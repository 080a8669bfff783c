"""Folders on the node, owned by the workers.

What the LocalController and the kubelet make belongs to root, so that a worker of another user
could not write there. Both leave alone what exists already.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from backend.errors import SettingsError
from workers.prepare.settings import FolderSettings

__all__ = ["prepare_folders"]

_OF_OUTPUT = ("data/train", "data/eval", "train", "eval")

_log = logging.getLogger(__name__)


def prepare_folders(environment: Mapping[str, str]) -> None:
    """Make the job's folders and the empty index, and give them to the workers.

    Raises SettingsError for what this user may not do.
    """
    settings = FolderSettings.from_environment(environment)
    for folder in dict.fromkeys(_folders(settings)):
        _make(folder, settings.worker_uid)
    _make_index(settings.dataset_url, settings.worker_uid)


def _folders(settings: FolderSettings) -> Iterator[Path]:
    yield settings.dataset_url.parent
    yield settings.initial_model_url.parent
    yield settings.deploy_model_url.parent
    yield settings.output_dir
    yield from (settings.output_dir / name for name in _OF_OUTPUT)
    yield from settings.folders


def _make(folder: Path, uid: int) -> None:
    try:
        # From the top, so that the workers can enter each folder on the way.
        for each in [folder, *folder.parents][::-1]:
            if not each.exists():
                each.mkdir(mode=0o755)
                _give(each, uid)
        _give(folder, uid)
    except OSError as error:
        raise _refused(folder, error) from error


def _make_index(index: Path, uid: int) -> None:
    """Make an empty index, which the LocalController reads as no sample, if there is none."""
    if index.exists():
        return
    try:
        index.touch(exist_ok=True)
        _give(index, uid)
    except OSError as error:
        raise _refused(index, error) from error


def _give(path: Path, uid: int) -> None:
    status = path.stat()
    if (status.st_uid, status.st_gid) != (uid, uid):
        os.chown(path, uid, uid)
        _log.info("%s belongs to user %d now", path, uid)


def _refused(path: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"{path}: cannot be made or given to the workers ({error.strerror}): run this step as root"
        " with the capabilities CHOWN and DAC_OVERRIDE, on a writable volume."
    )
