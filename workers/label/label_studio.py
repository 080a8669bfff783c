"""Hard examples to Label Studio's JSON, and labels from it.

See "Label Studio JSON format of annotated tasks" in its documentation. The labelling
configuration that fits is an ``<Image name="image" value="$image"/>`` with a ``<Choices
name="label" toName="image">``.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel, Field, RootModel, ValidationError

from workers.data.answers import HardExample
from workers.http.refusals import RequestError

__all__ = ["labels_of", "tasks"]

_CHOICES = {"from_name": "label", "to_name": "image", "type": "choices"}


def tasks(examples: Iterable[HardExample], pictures_url: str) -> list[dict[str, Any]]:
    """Return a task with its prediction for each example; pictures are below a URL."""
    return [
        {
            "data": {"image": f"{pictures_url}/{example.image}"},
            "predictions": [
                {
                    "model_version": example.model_version,
                    "score": example.certainty,
                    "result": [{**_CHOICES, "value": {"choices": [example.label]}}],
                }
            ],
        }
        for example in examples
    ]


def labels_of(content: bytes) -> dict[str, str]:
    """Return the label of each picture's name in an export; tasks without one are left out.

    The last annotation that was not cancelled counts. Raises RequestError for another format.
    """
    try:
        exported = _Export.model_validate_json(content).root
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"])) or "the start"
        raise RequestError(
            f"This is no JSON export of Label Studio (wrong at {place}): choose the format JSON."
        ) from None
    labels = {_name(task.data.image): task.label for task in exported}
    return {name: label for name, label in labels.items() if label is not None}


class _Value(BaseModel):
    choices: list[str] = []


class _Result(BaseModel):
    value: _Value = _Value()


class _Annotation(BaseModel):
    was_cancelled: bool = False
    result: list[_Result] = []

    @property
    def label(self) -> str | None:
        choices = [choice for result in self.result for choice in result.value.choices]
        return choices[0] if choices and not self.was_cancelled else None


class _Data(BaseModel):
    image: str


class _Task(BaseModel):
    data: _Data
    annotations: list[_Annotation] = Field(default_factory=list)

    @property
    def label(self) -> str | None:
        labels = [label for annotation in self.annotations if (label := annotation.label)]
        return labels[-1] if labels else None


class _Export(RootModel[list[_Task]]):
    """A JSON export."""


def _name(url: str) -> str:
    """Return the file name at the end of a URL's path, or of its query (local storage)."""
    return unquote(url).rpartition("/")[2].partition("?")[0]
