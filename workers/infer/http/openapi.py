"""The OpenAPI document of the inference worker."""

from typing import Any

from workers.data.answers import HardExample

__all__ = ["document"]

Json = dict[str, Any]

_MODEL = "/v2/models/{model_name}"
_ERRORS = {
    "400": "The request is wrong.",
    "401": "The token is missing or wrong.",
    "404": "There is no such model or version.",
    "408": "The body did not arrive in time.",
    "413": "The request or a picture is too large.",
    "503": "There is too much to do, or no model yet; see Retry-After.",
}
_PATH: Json = {"in": "path", "required": True}
_VERSION: Json = _PATH | {"name": "model_version", "schema": {"type": "string"}}
_PARAMETERS: Json = {"type": "object", "additionalProperties": True}
_NAME: Json = {"type": "string"}
_COUNT: Json = {"type": "integer", "minimum": 1}
_TENSOR: Json = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": _NAME,
        "shape": {"type": "array", "items": {"type": "integer"}},
        "datatype": {"type": "string", "enum": ["FP32", "BYTES", "BOOL"]},
        "parameters": _PARAMETERS,
        "data": {"type": "array", "items": {}},
    },
}


def document(model_name: str, side: int, *, needs_token: bool) -> Json:
    """Return the document, OpenAPI 3.1.

    Args:
        model_name: The one that paths may name.
        side: Of the network's square input, pixels.
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
            "schemas": _schemas(side),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}] if needs_token else [],
    }


def _paths(model_name: str) -> Json:
    name = _PATH | {"name": "model_name", "schema": {"const": model_name}}
    is_open: Json = {"security": []}
    return {
        "/v2": {"get": _operation("Server metadata", "ServerMetadata")},
        "/v2/health/live": {"get": _operation("Whether the server runs", "Live") | is_open},
        "/v2/health/ready": {"get": _operation("Whether it would answer", "Ready") | is_open},
        f"{_MODEL}/rollback": {
            "parameters": [name],
            "post": _operation("Go back to the previous model", "Rollback"),
        },
        "/classify": {"post": _operation("Classify a picture", "Answer", body=_picture())},
        "/metrics": {"get": _other("Prometheus metrics", "text/plain")},
        "/openapi.json": {"get": _other("This document", "application/json")},
        **_model_paths(_MODEL, [name]),
        **_model_paths(_MODEL + "/versions/{model_version}", [name, _VERSION]),
    }


def _model_paths(path: str, parameters: list[Json]) -> Json:
    shared = {"parameters": parameters}
    infer = _operation("Infer", "InferenceResponse", body=_content("InferenceRequest"))
    return {
        path: shared | {"get": _operation("Model metadata", "ModelMetadata")},
        f"{path}/ready": shared | {"get": _operation("Whether it would answer", "Ready")},
        f"{path}/infer": shared | {"post": infer},
    }


def _schemas(side: int) -> Json:
    texts = {"type": "array", "items": _NAME}
    tensors = {"type": "array", "items": {"$ref": "#/components/schemas/Tensor"}}
    wanted = _object(name={"enum": ["probabilities", "label", "hard"]}, parameters=_PARAMETERS)
    answer = HardExample.model_json_schema()
    del answer["properties"]["true_label"]
    return {
        "Answer": answer,
        "Error": _required(_object(error=_NAME)),
        "InferenceRequest": {"required": ["inputs"]}
        | _object(
            id=_NAME,
            parameters=_PARAMETERS,
            inputs={
                "type": "array",
                "minItems": 1,
                "maxItems": 1,
                "items": {"anyOf": [_numbers(side), _pictures()]},
            },
            outputs={"type": "array", "items": {"required": ["name"]} | wanted},
        ),
        "InferenceResponse": _required(
            _object(model_name=_NAME, model_version=_NAME, id=_NAME, outputs=tensors)
        ),
        "Live": _required(_object(live={"type": "boolean"})),
        "ModelMetadata": _required(
            _object(name=_NAME, versions=texts, platform=_NAME, inputs=tensors, outputs=tensors)
        ),
        "Ready": _object(name=_NAME, ready={"type": "boolean"}),
        "Rollback": _required(_object(name=_NAME, version=_NAME)),
        "ServerMetadata": _required(_object(name=_NAME, version=_NAME, extensions=texts)),
        "Tensor": _TENSOR,
    }


def _numbers(side: int) -> Json:
    """Describe the network's own input; the data have as many elements as the shape says."""
    sides = [{"const": 3}, {"const": side}, {"const": side}]
    shape = {"prefixItems": [_COUNT, *sides], "minItems": 4, "maxItems": 4}
    return _input("input", "FP32", shape, {"type": ["number", "array"]})


def _pictures() -> Json:
    """Describe encoded pictures; the data have as many elements as the shape says."""
    shape = {"items": _COUNT, "minItems": 1}
    encoded = {"type": "string", "contentEncoding": "base64"}
    return _input("image", "BYTES", shape, encoded)


def _input(name: str, datatype: str, shape: Json, element: Json) -> Json:
    tensor = _object(
        name={"const": name},
        shape={"type": "array"} | shape,
        datatype={"const": datatype},
        parameters=_PARAMETERS,
        data={"type": "array", "items": element},
    )
    return tensor | {"required": _TENSOR["required"]}


def _object(**properties: Json) -> Json:
    return {"type": "object", "properties": properties}


def _required(schema: Json) -> Json:
    return schema | {"required": list(schema["properties"])}


def _operation(summary: str, schema: str, body: Json | None = None) -> Json:
    operation = _answered(summary, _content(schema))
    return operation if body is None else operation | {"requestBody": {"required": True} | body}


def _other(summary: str, content_type: str) -> Json:
    return _answered(summary, {"content": {content_type: {}}})


def _answered(summary: str, content: Json) -> Json:
    errors = {
        status: {"description": sentence} | _content("Error")
        for status, sentence in _ERRORS.items()
    }
    return {"summary": summary, "responses": {"200": {"description": summary} | content} | errors}


def _content(schema: str) -> Json:
    return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


def _picture() -> Json:
    file = {"type": "string", "format": "binary"}
    form = _object(file=file) | {"required": ["file"]}
    return {"content": {"image/*": {"schema": file}, "multipart/form-data": {"schema": form}}}
