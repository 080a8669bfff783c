"""The OpenAPI document of the inference worker, from the models of its messages."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field, PositiveInt
from pydantic.json_schema import models_json_schema

from workers.data.answers import HardExample
from workers.infer.protocol import (
    Message,
    ModelMetadata,
    ModelVersion,
    Readiness,
    ResponseMessage,
    ServerMetadata,
)

__all__ = ["document"]

Json = dict[str, Any]

_MODEL = "/v2/models/{model_name}"
_VERSION = _MODEL + "/versions/{model_version}"
_ERRORS = {
    "400": "The request is wrong.",
    "401": "The token is missing or wrong.",
    "404": "There is no such model or version.",
    "408": "The body did not arrive in time.",
    "413": "The request or a picture is too large.",
    "503": "There is too much to do, or no model yet; see Retry-After.",
}
_PICTURE: Json = {"type": "string", "format": "binary"}


class Error(BaseModel):
    """Why the request was refused."""

    error: str


class NumbersInput(Message):
    """The network's own input; data has as many elements as shape says."""

    name: Literal["input"]
    shape: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt]
    datatype: Literal["FP32"]
    data: tuple[float | list[Any], ...] = ()


class PicturesInput(Message):
    """Encoded pictures in Base64; data has as many elements as shape says."""

    name: Literal["image"]
    shape: list[PositiveInt] = Field(min_length=1)
    datatype: Literal["BYTES"]
    data: list[str] = Field(
        default=[], json_schema_extra={"items": {"type": "string", "contentEncoding": "base64"}}
    )


class WantedOutput(Message):
    """A requested output."""

    name: Literal["probabilities", "label", "hard"]


class RequestMessage(Message):
    """An inference request; without ``outputs``, all are returned."""

    id: str = ""
    inputs: list[NumbersInput | PicturesInput] = Field(min_length=1, max_length=1)
    outputs: tuple[WantedOutput, ...] = ()


_ANSWERS = (
    Error,
    HardExample,
    ModelMetadata,
    ModelVersion,
    Readiness,
    ResponseMessage,
    ServerMetadata,
)


def document(model_name: str, input_shape: Sequence[int], *, needs_token: bool) -> Json:
    """Return the document, OpenAPI 3.1.

    Args:
        model_name: The model's name in paths.
        input_shape: The network's input for one image: channels, height and width.
        needs_token: Whether clients must send one.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sedna-tinyms inference worker",
            "version": "2",
            "description": "Open Inference Protocol v2 with the binary tensor extension.",
        },
        "paths": _paths(model_name),
        "components": {
            "schemas": _schemas(input_shape),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}] if needs_token else [],
    }


def _schemas(input_shape: Sequence[int]) -> Json:
    _, schema = models_json_schema(
        [(RequestMessage, "validation"), *((each, "serialization") for each in _ANSWERS)],
        ref_template="#/components/schemas/{model}",
    )
    schemas: Json = schema["$defs"]
    schemas["NumbersInput"]["properties"]["shape"]["prefixItems"][1:] = [
        {"const": each} for each in input_shape
    ]
    del schemas["HardExample"]["properties"]["true_label"]  # known only to a person
    return schemas


def _paths(model_name: str) -> Json:
    name = {"in": "path", "name": "model_name", "required": True, "schema": {"const": model_name}}
    version = {**name, "name": "model_version", "schema": {"type": "string"}}
    infer = {"post": _operation("Infer", ResponseMessage, _content(RequestMessage))}
    ready = _operation("Whether the model would answer", Readiness)
    picture = {"type": "object", "properties": {"file": _PICTURE}, "required": ["file"]}
    upload = {"image/*": {"schema": _PICTURE}, "multipart/form-data": {"schema": picture}}
    metrics = _operation("Prometheus metrics")
    metrics["responses"]["200"]["content"] = {"text/plain": {}}
    open_to_all: Json = {"security": []}
    paths: Json = {
        "/v2": {"get": _operation("Server metadata", ServerMetadata)},
        "/v2/health/live": {"get": _operation("Whether the server runs") | open_to_all},
        "/v2/health/ready": {"get": ready | open_to_all},
        "/classify": {"post": _operation("Classify a picture", HardExample, upload)},
        "/metrics": {"get": metrics},
        "/openapi.json": {"get": _operation("This document")},
        "/v2/": {"get": _operation("Server metadata", ServerMetadata)},
        "/v2/models/stats": {"get": _operation("Statistics of every model")},
        "/v2/repository/index": {"post": _operation("Models")},
        f"{_MODEL}/rollback": {
            "parameters": [name],
            "post": _operation("Go back to the previous model", ModelVersion),
        },
    }
    for path, parameters in ((_MODEL, [name]), (_VERSION, [name, version])):
        shared = {"parameters": parameters}
        paths[path] = shared | {"get": _operation("Model metadata", ModelMetadata)}
        paths[f"{path}/config"] = shared | {"get": _operation("Model configuration")}
        paths[f"{path}/stats"] = shared | {"get": _operation("Statistics")}
        paths[f"{path}/ready"] = shared | {"get": ready}
        paths[f"{path}/infer"] = shared | infer
    return paths


def _operation(
    summary: str, answer: type[BaseModel] | None = None, body: Json | None = None
) -> Json:
    content = _content(answer) if answer else {"application/json": {}}
    answers = {"200": {"description": summary, "content": content}}
    answers |= {
        status: {"description": sentence, "content": _content(Error)}
        for status, sentence in _ERRORS.items()
    }
    request = {"requestBody": {"required": True, "content": body}} if body else {}
    return {"summary": summary, "responses": answers, **request}


def _content(model: type[BaseModel]) -> Json:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"application/json": {"schema": schema}}
