"""The content of a job's conditions: the models and data of a stage, as Sedna's JSON text."""

import json
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from jobs.resources.schema import Model

__all__ = ["NO_DATA", "StageInput", "StageModel", "output_data", "pick"]

NO_DATA = "{}"


class StageModel(BaseModel):
    """A model file, with those keys of a worker's result that the GlobalManager keeps."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())

    format: str = ""
    url: str = Field(default="", pattern=r"^[^\x00]*$")
    device_soc_versions: list[str] | None = None
    metrics: dict[str, Any] | None = None
    classes: list[str] | None = None

    @classmethod
    def of(cls, model: Model) -> "StageModel":
        """Return the file of the resource ``model``."""
        devices = model.spec.device_soc_versions or None
        return cls(format=model.spec.format, url=model.spec.url, device_soc_versions=devices)

    def to_data(self) -> dict[str, Any]:
        """Return the model in the form of a condition: ``classes`` always, other keys if set."""
        return self.model_dump(exclude_none=True) | {"classes": self.classes}


class StageInput(BaseModel):
    """The input of a stage: the data of its condition Ready."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: list[StageModel]
    data_url: str = ""
    output_dir: str = ""

    def to_data(self) -> str:
        """Return Sedna's JSON text, without unset fields."""
        urls = {"dataURL": self.data_url, "outputDir": self.output_dir}
        models = [model.to_data() for model in self.models]
        body = {"models": models} | {key: url for key, url in urls.items() if url}
        return json.dumps({"input": body})


def output_data(models: Iterable[StageModel]) -> str:
    """Return the report of a stage's worker as Sedna's JSON text."""
    entries = [model.to_data() for model in models]
    return json.dumps({"output": {"models": entries} if entries else {}})


def pick(reported: Iterable[StageModel], wanted: Model) -> StageModel | None:
    """Return the first of the ``reported`` models that can replace ``wanted``.

    Formats must agree; if ``wanted`` names devices and a model exactly one, it must be one of
    them.
    """
    devices = wanted.spec.device_soc_versions
    for model in reported:
        own = model.device_soc_versions or []
        fits = not devices or len(own) != 1 or own[0] in devices
        if model.format == wanted.spec.format and fits:
            return model
    return None
