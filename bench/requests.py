"""One picture in the forms in which servers take it: as a tensor, and as a JPEG file."""

import base64
import json

import numpy as np
from numpy.typing import NDArray

from bench.dataset import INPUT_SIZE
from bench.load import Request

__all__ = [
    "binary_picture",
    "binary_tensor",
    "inputs",
    "json_picture",
    "json_tensor",
    "raw_picture",
    "raw_tensor",
]

_JSON = {"Content-Type": "application/json"}


def inputs(count: int, side: int = INPUT_SIZE) -> NDArray[np.float32]:
    """Return ``count`` preprocessed images of noise, the same ones in every run."""
    shape = (count, 3, side, side)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def json_tensor(model_url: str, side: int = INPUT_SIZE) -> Request:
    """Ask with numbers in JSON."""
    values = inputs(1, side)
    return _json(model_url, "input", "FP32", values.shape, values.ravel().tolist())


def json_picture(model_url: str, jpeg: bytes) -> Request:
    """Ask with Base64 in JSON."""
    return _json(model_url, "image", "BYTES", (1,), [base64.b64encode(jpeg).decode()])


def binary_picture(model_url: str, jpeg: bytes) -> Request:
    """Ask with the bytes of the file as a binary tensor."""
    return _binary(model_url, "UINT8", (len(jpeg),), jpeg)


def binary_tensor(model_url: str, side: int = INPUT_SIZE) -> Request:
    """Ask with a binary tensor."""
    values = inputs(1, side)
    return _binary(model_url, "FP32", values.shape, values.tobytes())


def raw_picture(url: str, jpeg: bytes) -> Request:
    """Post the file itself."""
    return Request(url, jpeg, {"Content-Type": "image/jpeg"})


def raw_tensor(url: str) -> Request:
    """Post the numbers themselves."""
    return Request(url, inputs(1).tobytes(), {"Content-Type": "application/octet-stream"})


def _json(
    model_url: str, name: str, datatype: str, shape: tuple[int, ...], data: list[object]
) -> Request:
    tensor = {"name": name, "datatype": datatype, "shape": shape, "data": data}
    return Request(f"{model_url}/infer", json.dumps({"inputs": [tensor]}).encode(), _JSON)


def _binary(model_url: str, datatype: str, shape: tuple[int, ...], data: bytes) -> Request:
    tensor = {
        "name": "input",
        "datatype": datatype,
        "shape": shape,
        "parameters": {"binary_data_size": len(data)},
    }
    asked = {"id": "1", "inputs": [tensor], "outputs": [{"name": "probabilities"}]}
    head = json.dumps(asked).encode()
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head)),
    }
    return Request(f"{model_url}/infer", head + data, headers)
