"""The project's manifests, as they are or edited as a user would edit them."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from backend.errors import SettingsError

__all__ = ["MANIFESTS", "edited_manifests"]

MANIFESTS = Path(__file__).parent.parent / "manifests"


def edited_manifests(target: Path, edits: Mapping[str, str]) -> Path:
    """Copy them to the new folder ``target``, replace text in the job's, and return the folder.

    Raises SettingsError for a text that is not there.
    """
    shutil.copytree(MANIFESTS, target)
    job = target / "job.yaml"
    text = job.read_text(encoding="utf-8")
    for old, new in edits.items():
        if old not in text:
            raise SettingsError(f"{MANIFESTS / job.name}: there is no {old!r} to replace.")
        text = text.replace(old, new)
    job.write_text(text, encoding="utf-8")
    return target
