"""Exports hard examples to Label Studio's JSON, and imports labels from it.

See "Label Studio JSON format of annotated tasks" in its documentation. The labelling
configuration that fits is an ``<Image name="image" value="$image"/>`` with a ``<Choices
name="label" toName="image">``.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, Field, RootModel, ValidationError

from workers.data.answers import HardExample
from workers.http.refusals import RequestError

__all__ = ["by_name", "labels_of", "tasks"]

_CHOICES = {"from_name": "label", "to_name": "image", "type": "choices"}
_UPLOAD_PREFIX = re.compile("[0-9a-f]{8}-")


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
    """Return the label of each picture's address in an export; tasks without one are left out.

    The ground truth counts, or else the newest annotation that was not cancelled. Raises
    RequestError for any other format.
    """
    try:
        exported = _Export.model_validate_json(content).root
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"])) or "the start"
        raise RequestError(
            f"This is not a JSON export of Label Studio (wrong at {place}): choose the format JSON."
        ) from None
    labels = {task.data.image: task.label for task in exported}
    return {address: label for address, label in labels.items() if label is not None}


def by_name(labels: Mapping[str, str], waiting: Container[str]) -> dict[str, str]:
    """Return the labels of the waiting pictures by name, given labels by address."""
    named = (
        (next((name for name in _names(address) if name in waiting), None), label)
        for address, label in labels.items()
    )
    return {name: label for name, label in named if name is not None}


class _Value(BaseModel):
    choices: list[str] = []


class _Result(BaseModel):
    from_name: str = ""
    value: _Value = _Value()


class _Annotation(BaseModel):
    was_cancelled: bool | None = None
    ground_truth: bool | None = None
    updated_at: str | None = None
    created_at: str | None = None
    result: list[_Result] = []

    @property
    def label(self) -> str | None:
        own = (result for result in self.result if result.from_name == _CHOICES["from_name"])
        choices = [choice for result in own for choice in result.value.choices]
        return choices[0] if choices and not self.was_cancelled else None

    @property
    def rank(self) -> tuple[bool, str]:
        """Order in which annotations count; the times are ISO 8601 in UTC."""
        return bool(self.ground_truth), self.updated_at or self.created_at or ""


class _Data(BaseModel):
    image: str


class _Task(BaseModel):
    data: _Data
    annotations: list[_Annotation] = Field(default_factory=list)

    @property
    def label(self) -> str | None:
        ranked = sorted(self.annotations, key=lambda annotation: annotation.rank)
        labels = [label for annotation in ranked if (label := annotation.label)]
        return labels[-1] if labels else None


class _Export(RootModel[list[_Task]]):
    """A JSON export."""


def _names(address: str) -> Iterator[str]:
    """Yield possible names of the picture.

    The name is at the end of the address's path, or of its query for local storage; an upload
    adds eight hexadecimal digits in front of it.
    """
    parts = urlsplit(address)
    queried = [value for _, value in parse_qsl(parts.query)]
    for place in (unquote(parts.path), parts.path, *reversed(queried)):
        name = place.rpartition("/")[2]
        yield name
        yield _UPLOAD_PREFIX.sub("", name)
