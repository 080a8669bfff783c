"""The OpenAPI document of the inference worker."""

from typing import Any

from workers.infer.answers import HardExample

__all__ = ["document"]

Json = dict[str, Any]

_NAME: Json = {
    "name": "model_name",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
}
_VERSION: Json = _NAME | {"name": "model_version"}
_ERRORS = {
    "400": "The request is wrong.",
    "401": "The token is missing or wrong.",
    "404": "There is no such model or version.",
    "408": "The body did not arrive in time.",
    "413": "The request or a picture is too large.",
    "503": "There is too much to do, or no model yet; see Retry-After.",
}
_PARAMETERS: Json = {"type": "object", "additionalProperties": True}
_TENSOR: Json = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "datatype": {"type": "string", "enum": ["FP32", "BYTES", "BOOL"]},
        "parameters": _PARAMETERS,
        "data": {"type": "array", "items": {}},
    },
}


def document() -> Json:
    """Return the document, OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sedna-tinyms inference worker",
            "version": "2",
            "description": "Open Inference Protocol v2 with the binary tensor extension.",
        },
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def _paths() -> Json:
    model = "/v2/models/{model_name}"
    paths: Json = {
        "/v2": {"get": _operation("Server metadata", "ServerMetadata")},
        "/v2/health/live": {"get": _operation("Whether the server runs", "Live")},
        "/v2/health/ready": {"get": _operation("Whether it would answer", "Ready")},
        f"{model}/rollback": {
            "parameters": [_NAME],
            "post": _operation("Go back to the previous model", "Rollback"),
        },
        "/classify": {"post": _operation("Classify a picture", "Answer", body=_picture())},
        "/metrics": {"get": _text("Prometheus metrics")},
        "/openapi.json": {"get": _text("This document")},
    }
    for path, parameters in (
        (model, [_NAME]),
        (f"{model}/versions/{{model_version}}", [_NAME, _VERSION]),
    ):
        shared = {"parameters": parameters}
        paths[path] = shared | {"get": _operation("Model metadata", "ModelMetadata")}
        paths[f"{path}/ready"] = shared | {"get": _operation("Whether it would answer", "Ready")}
        infer = _operation("Infer", "InferenceResponse", body=_content("InferenceRequest"))
        paths[f"{path}/infer"] = shared | {"post": infer}
    return paths


def _schemas() -> Json:
    texts = {"type": "array", "items": {"type": "string"}}
    tensors = {"type": "array", "items": {"$ref": "#/components/schemas/Tensor"}}
    wanted = _object(name={"type": "string"}, parameters=_PARAMETERS)
    answer = HardExample.model_json_schema()
    del answer["properties"]["true_label"]
    return {
        "Answer": answer,
        "Error": _object(error={"type": "string"}),
        "InferenceRequest": _object(
            id={"type": "string"},
            parameters=_PARAMETERS,
            inputs=tensors | {"minItems": 1},
            outputs={"type": "array", "items": wanted},
        ),
        "InferenceResponse": _object(
            model_name={"type": "string"},
            model_version={"type": "string"},
            id={"type": "string"},
            outputs=tensors,
        ),
        "Live": _object(live={"type": "boolean"}),
        "ModelMetadata": _object(
            name={"type": "string"},
            versions=texts,
            platform={"type": "string"},
            inputs=tensors,
            outputs=tensors,
        ),
        "Ready": _object(name={"type": "string"}, ready={"type": "boolean"}),
        "Rollback": _object(name={"type": "string"}, version={"type": "string"}),
        "ServerMetadata": _object(
            name={"type": "string"}, version={"type": "string"}, extensions=texts
        ),
        "Tensor": _TENSOR,
    }


def _object(**properties: Json) -> Json:
    return {"type": "object", "properties": properties}


def _operation(summary: str, schema: str, body: Json | None = None) -> Json:
    errors = {
        status: {"description": sentence} | _content("Error")
        for status, sentence in _ERRORS.items()
    }
    answered = {"200": {"description": summary} | _content(schema)}
    operation: Json = {"summary": summary, "responses": answered | errors}
    return operation if body is None else operation | {"requestBody": {"required": True} | body}


def _text(summary: str) -> Json:
    return {"summary": summary, "responses": {"200": {"description": summary}}}


def _content(schema: str) -> Json:
    return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


def _picture() -> Json:
    file = {"type": "string", "format": "binary"}
    return {
        "content": {
            "image/*": {"schema": file},
            "multipart/form-data": {"schema": _object(file=file)},
        }
    }
