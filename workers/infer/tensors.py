"""Tensors of the Open Inference Protocol, as JSON and as Triton's binary extension has them.

Binary data are little-endian and row-major; each element of BYTES is preceded by its length in 4
bytes. In JSON, an element of BYTES is text, or Base64 for anything else, such as a picture.
"""

import base64
import binascii
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.http.refusals import RequestError

__all__ = ["Tensor", "from_binary", "from_json", "to_binary", "to_json"]

_BLANKS = b" \t\r\n"
_PIECE = 4 * 2**18
_DECODED_PIECE = 3 * 2**18
_MOST_ELEMENTS = 10_000  # of BYTES: reading more would keep other requests waiting
_LENGTH = struct.Struct("<I")
_DTYPES = {"FP32": np.dtype("<f4"), "BOOL": np.dtype("?"), "BYTES": np.dtype(object)}
_DATATYPES = {dtype: datatype for datatype, dtype in _DTYPES.items()}


@dataclass(frozen=True)
class Tensor:
    """A named tensor."""

    name: str
    values: NDArray[Any]
    """float32, bool, or bytes in an array of objects."""

    @property
    def datatype(self) -> str:
        """FP32, BOOL or BYTES."""
        return _DATATYPES[self.values.dtype]


def from_binary(name: str, datatype: str, shape: Sequence[int], data: bytes | memoryview) -> Tensor:
    """Read a tensor; raises RequestError if the data do not fit the type and shape."""
    dtype = _dtype(name, datatype)
    if datatype == "BYTES":
        elements = list(islice(_elements(name, data), _MOST_ELEMENTS))
        return _bytes_tensor(name, elements, shape)
    if len(data) != prod(shape) * dtype.itemsize:
        raise RequestError(
            f"Input {name}: {len(data)} bytes are not {datatype} of shape {list(shape)}."
        )
    return Tensor(name, _shaped(name, np.frombuffer(data, dtype), shape))


def from_json(name: str, datatype: str, shape: Sequence[int], data: object) -> Tensor:
    """Read a tensor, nested or flat; raises RequestError if it does not fit type and shape."""
    dtype = _dtype(name, datatype)
    if datatype == "BYTES":
        texts = np.ravel(np.asarray(data, dtype=object)).tolist()
        return _bytes_tensor(name, [_from_base64(name, text) for text in texts], shape)
    misfit = RequestError(f"Input {name}: the data are not {datatype} of shape {list(shape)}.")
    try:
        values = np.asarray(data)
        if values.size and values.dtype.kind not in "iufb":
            raise misfit
        with np.errstate(over="ignore"):
            return Tensor(name, values.astype(dtype).reshape(shape))
    except (ValueError, OverflowError):
        raise misfit from None


def to_binary(tensor: Tensor) -> bytes:
    """Write a tensor's values."""
    if tensor.datatype != "BYTES":
        return tensor.values.tobytes()
    return b"".join(_LENGTH.pack(len(each)) + each for each in tensor.values.ravel())


def to_json(tensor: Tensor) -> list[Any]:
    """Return a tensor's values, flat; elements of BYTES must be UTF-8."""
    flat = tensor.values.ravel()
    return [each.decode() for each in flat] if tensor.datatype == "BYTES" else flat.tolist()


def _dtype(name: str, datatype: str) -> np.dtype[Any]:
    if datatype not in _DTYPES:
        raise RequestError(
            f"Input {name}: datatype {datatype} is not supported: use {', '.join(_DTYPES)}."
        )
    return _DTYPES[datatype]


def _bytes_tensor(name: str, elements: Sequence[bytes], shape: Sequence[int]) -> Tensor:
    if len(elements) != prod(shape):
        raise RequestError(f"Input {name}: {len(elements)} elements are not of shape {shape}.")
    values = np.empty(len(elements), dtype=object)
    values[:] = elements
    return Tensor(name, _shaped(name, values, shape))


def _shaped(name: str, values: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
    """Give the values a shape with as many elements, but perhaps larger sides than NumPy allows."""
    try:
        return values.reshape(shape)
    except (ValueError, OverflowError):
        raise RequestError(f"Input {name}: {list(shape)} is not an accepted shape.") from None


def _elements(name: str, data: bytes | memoryview) -> Iterator[bytes]:
    position = 0
    while position < len(data):
        start = position + _LENGTH.size
        if start > len(data):
            raise RequestError(f"Input {name}: the data end within an element's length.")
        position = start + _LENGTH.unpack_from(data, position)[0]
        if position > len(data):
            raise RequestError(f"Input {name}: the data end within an element.")
        yield bytes(data[start:position])


def _from_base64(name: str, text: object) -> bytes:
    """Decode Base64 with or without line breaks, in pieces, since each blocks other threads."""
    try:
        encoded = str(text).encode("ascii").translate(None, _BLANKS)
        pieces = [
            base64.b64decode(encoded[start : start + _PIECE], validate=True)
            for start in range(0, len(encoded), _PIECE)
        ]
    except (ValueError, binascii.Error):
        pieces = [b"", b""]
    # Padding ends the data.
    if any(len(piece) != _DECODED_PIECE for piece in pieces[:-1]):
        raise RequestError(f"Input {name}: an element of BYTES in JSON must be Base64.")
    return b"".join(pieces)
