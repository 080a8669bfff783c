"""Messages of the Open Inference Protocol v2, binary tensors and classification included.

See kserve/open-inference-protocol (inference_rest.md) and triton-inference-server/server
(extension_binary_data.md, extension_classification.md). A message is JSON; binary tensors follow
it in order, and the header Inference-Header-Content-Length says where the JSON ends.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    ValidationError,
)

from workers.http.refusals import RequestError
from workers.infer.json_numbers import PLACEHOLDER, without_numbers
from workers.infer.tensors import Tensor, from_binary, from_json, to_binary, to_json

__all__ = [
    "EncodedResponse",
    "InferenceRequest",
    "InferenceResponse",
    "Message",
    "ModelMetadata",
    "ModelVersion",
    "OutputForm",
    "Readiness",
    "RequestInput",
    "RequestOutput",
    "ResponseMessage",
    "ServerMetadata",
    "TensorMessage",
    "encode_response",
    "parse_request",
]

Parameters = dict[str, Any]

_MOST_AXES = 32
_CLASSIFIED = "probabilities"


def _text(value: object) -> object:
    """Accept a number or null as an id, as other servers do."""
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else value


class Message(BaseModel):
    """A part of a request."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    parameters: Parameters | None = None

    def parameter(self, name: str) -> Any:
        """Return a parameter's value, or None without it."""
        return (self.parameters or {}).get(name)


class RequestInput(Message):
    """A tensor of a request; its values are in ``data`` or follow the JSON."""

    name: str
    shape: list[NonNegativeInt] = Field(max_length=_MOST_AXES)
    datatype: str
    data: Any = None


class RequestOutput(Message):
    """A requested tensor."""

    name: str


class _Request(Message):
    id: Annotated[str, BeforeValidator(_text)] = ""
    inputs: list[RequestInput] = Field(min_length=1)
    outputs: list[RequestOutput] | None = None


@dataclass(frozen=True)
class OutputForm:
    """The form of a requested output."""

    binary: bool
    classes: int = 0
    """How many of the likeliest classes to give as text for each image; 0: give numbers."""


@dataclass(frozen=True)
class InferenceRequest:
    """An inference request."""

    id: str
    inputs: tuple[Tensor, ...]
    outputs: dict[str, OutputForm] | None
    """The requested outputs, by name; None: all."""
    binary: bool
    """Whether outputs that are not named are sent as binary."""


@dataclass(frozen=True)
class InferenceResponse:
    """The answer to an inference request."""

    model_name: str
    model_version: str
    id: str
    outputs: tuple[Tensor, ...]
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class EncodedResponse:
    """The body of a response."""

    body: bytes
    json_length: int
    """The length of the JSON at its start, bytes."""

    @property
    def has_binary(self) -> bool:
        """Whether tensors follow the JSON."""
        return self.json_length < len(self.body)


def parse_request(body: bytes, json_length: int | None = None) -> InferenceRequest:
    """Read a request whose first ``json_length`` bytes (default: all) are JSON.

    Raises RequestError for an invalid request.
    """
    length = len(body) if json_length is None else json_length
    if not 0 <= length <= len(body):
        raise RequestError("Inference-Header-Content-Length is longer than the body.")
    text, arrays = without_numbers(body[:length])
    try:
        request = _Request.model_validate_json(text)
    except ValidationError as error:
        raise RequestError(_sentence(error)) from None
    default = request.parameter("binary_data_output") is True
    return InferenceRequest(
        id=request.id,
        inputs=_inputs(request.inputs, arrays, body, length),
        outputs=_wanted(request.outputs, default),
        binary=default,
    )


def encode_response(response: InferenceResponse, request: InferenceRequest) -> EncodedResponse:
    """Encode the response in the form that the request asks for.

    Raises RequestError if it asks for an output that does not exist.
    """
    tensors, parts = [], []
    every = {tensor.name: OutputForm(request.binary) for tensor in response.outputs}
    for tensor, wanted in _selected(response, request.outputs or every):
        tensors.append(TensorMessage.of(tensor))
        if wanted.binary:
            parts.append(to_binary(tensor))
            tensors[-1].parameters = {"binary_data_size": len(parts[-1])}
        else:
            tensors[-1].data = to_json(tensor)
    message = ResponseMessage(
        model_name=response.model_name,
        model_version=response.model_version,
        id=response.id,
        outputs=tensors,
    )
    json = message.model_dump_json(exclude_none=True).encode()
    return EncodedResponse(b"".join([json, *parts]), len(json))


class TensorMessage(BaseModel):
    """A tensor of a response, whose data may follow the JSON, or an input or output of the model.

    In a model's metadata, -1 stands for any number of images.
    """

    name: str
    shape: list[int]
    datatype: str
    parameters: Parameters | None = None
    data: list[Any] | None = None

    @classmethod
    def of(cls, tensor: Tensor) -> "TensorMessage":
        """Describe a tensor, without its data."""
        return cls(name=tensor.name, shape=list(tensor.values.shape), datatype=tensor.datatype)


class ResponseMessage(BaseModel):
    """A response without the data that follow the JSON."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_version: str
    id: str
    outputs: list[TensorMessage]


class ServerMetadata(BaseModel):
    """The server's name, version and extensions."""

    name: str
    version: str
    extensions: list[str]


class ModelMetadata(BaseModel):
    """The model's inputs and outputs."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMessage]
    outputs: list[TensorMessage]


class ModelVersion(BaseModel):
    """The version of a model that answers."""

    name: str
    version: str


class Readiness(BaseModel):
    """Whether requests would be answered, by the model ``name`` if it is given."""

    name: str | None = None
    ready: bool


def _inputs(
    inputs: Sequence[RequestInput],
    arrays: Sequence[NDArray[np.float32]],
    body: bytes,
    position: int,
) -> tuple[Tensor, ...]:
    tensors = []
    for each in inputs:
        size = each.parameter("binary_data_size")
        if size is None:
            data = _data(each, arrays)
            tensors.append(from_json(each.name, each.datatype, each.shape, data))
            continue
        if not isinstance(size, int) or not 0 <= size <= len(body) - position:
            raise RequestError(f"Input {each.name}: binary_data_size is not the size of its data.")
        data = memoryview(body)[position : position + size]
        tensors.append(from_binary(each.name, each.datatype, each.shape, data))
        position += size
    if position != len(body):
        raise RequestError(f"{len(body) - position} bytes follow the last input's data.")
    return tuple(tensors)


def _data(sent: RequestInput, arrays: Sequence[NDArray[np.float32]]) -> object:
    if not isinstance(sent.data, dict):
        return sent.data
    number = sent.data.get(PLACEHOLDER)
    if type(number) is not int or not 0 <= number < len(arrays):
        raise RequestError(f"Input {sent.name}: data must be an array.")
    return arrays[number]


def _wanted(outputs: Sequence[RequestOutput] | None, default: bool) -> dict[str, OutputForm] | None:
    if not outputs:
        return None
    return {output.name: _wanted_as(output, default) for output in outputs}


def _wanted_as(output: RequestOutput, default: bool) -> OutputForm:
    form, classes = output.parameter("binary_data"), output.parameter("classification") or 0
    if type(classes) is not int or classes < 0 or (classes and output.name != _CLASSIFIED):
        raise RequestError(
            f"Output {output.name}: classification is a number of classes, of {_CLASSIFIED} only."
        )
    return OutputForm(default if form is None else form is True, classes)


def _selected(
    response: InferenceResponse, wanted: Mapping[str, OutputForm]
) -> Iterator[tuple[Tensor, OutputForm]]:
    by_name = {tensor.name: tensor for tensor in response.outputs}
    for name, form in wanted.items():
        if name not in by_name:
            raise RequestError(f"There is no output {name}: ask for {', '.join(by_name)}.")
        tensor = by_name[name]
        yield (_classified(tensor, response, form.classes) if form.classes else tensor), form


def _classified(tensor: Tensor, response: InferenceResponse, count: int) -> Tensor:
    """Return the likeliest classes of each image as Triton's "score:index:name"."""
    order = np.argsort(-tensor.values, axis=1, kind="stable")[:, :count]
    texts = [
        f"{row[place]:f}:{place}:{response.class_names[place]}".encode()
        for row, places in zip(tensor.values, order, strict=True)
        for place in places
    ]
    values = np.empty(len(texts), dtype=object)
    values[:] = texts
    return Tensor(tensor.name, values.reshape(order.shape))


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"])) or "the body"
    return f"The request is wrong at {place}: {first['msg']}."
