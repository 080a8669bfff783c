"""The project's manifests with a few other values, as a user would edit them."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from backend.errors import SettingsError
from backend.files import write_atomically

__all__ = ["MANIFESTS", "Variant"]

MANIFESTS = Path(__file__).parents[2] / "manifests"

_JOB = "job.yaml"


@dataclass(frozen=True)
class Variant:
    """What is changed; the rest stays."""

    environment: Mapping[str, str] = field(default_factory=dict)
    """Variable to value, in every template that sets it."""
    train_prob: float | None = None
    train_samples: int | None = None
    """The train trigger's threshold."""

    def write(self, target: Path) -> Path:
        """Write the manifests into the folder ``target`` and return it.

        Raises SettingsError for a variable that no template sets.
        """
        target.mkdir(parents=True, exist_ok=True)
        for name in ("dataset.yaml", "models.yaml"):
            shutil.copyfile(MANIFESTS / name, target / name)
        job = yaml.safe_load((MANIFESTS / _JOB).read_text(encoding="utf-8"))
        self._change(job["spec"])
        write_atomically(target / _JOB, yaml.safe_dump(job).encode())
        return target

    def _change(self, spec: dict[str, Any]) -> None:
        if self.train_prob is not None:
            spec["dataset"]["trainProb"] = self.train_prob
        if self.train_samples is not None:
            spec["trainSpec"]["trigger"]["condition"]["threshold"] = self.train_samples
        variables = list(_variables(spec))
        unknown = self.environment.keys() - {variable["name"] for variable in variables}
        if unknown:
            raise SettingsError(f"{MANIFESTS / _JOB} sets no {', '.join(sorted(unknown))}.")
        for variable in variables:
            variable["value"] = self.environment.get(variable["name"], variable["value"])


def _variables(spec: dict[str, Any]) -> Iterator[dict[str, str]]:
    for stage in ("trainSpec", "evalSpec", "deploySpec"):
        yield from spec[stage]["template"]["spec"]["containers"][0]["env"]
