"""MindSpore's checkpoint files, read without MindSpore, whose import takes seconds.

A checkpoint is one protobuf message. `_SCHEMA` has the names, numbers and types of MindSpore's
``checkpoint.proto``, as far as parameters need them.
"""

from functools import cache
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from backend.models.number_types import to_float32

__all__ = ["parse_checkpoint"]

_SCHEMA = """
    name: "checkpoint.proto"
    message_type {
      name: "Checkpoint"
      field { name: "value" number: 1 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: "Value" }
    }
    message_type {
      name: "Value"
      field { name: "tag" number: 1 label: LABEL_REQUIRED type: TYPE_STRING }
      field {
        name: "tensor" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: "Tensor"
      }
    }
    message_type {
      name: "Tensor"
      field { name: "dims" number: 1 label: LABEL_REPEATED type: TYPE_INT64 }
      field { name: "tensor_type" number: 2 label: LABEL_REQUIRED type: TYPE_STRING }
      field { name: "tensor_content" number: 3 label: LABEL_REQUIRED type: TYPE_BYTES }
    }
"""

_CHECKSUM, _CHECKSUM_LENGTH = b"crc_num", 17
"""What `mindspore.save_checkpoint` can put behind the message."""

_TEXT = "str"
"""What `mindspore.save_checkpoint` can add to the parameters."""


def parse_checkpoint(payload: bytes) -> dict[str, NDArray[np.float32]]:
    """Return the numeric parameters of a checkpoint by name, as float32.

    Raises ValueError for an incomplete or invalid checkpoint, and for types such as float8.
    """
    if payload[-_CHECKSUM_LENGTH:].startswith(_CHECKSUM):
        payload = payload[:-_CHECKSUM_LENGTH]
    try:
        entries = _message_class().FromString(payload).value
    except DecodeError as error:
        raise ValueError(str(error)) from error
    parts: dict[str, list[Any]] = {}
    for entry in entries:
        # A large parameter comes in several entries, one after the other.
        parts.setdefault(entry.tag, []).append(entry.tensor)
    return {
        name: _array(tensors) for name, tensors in parts.items() if tensors[0].tensor_type != _TEXT
    }


def _array(tensors: list[Any]) -> NDArray[np.float32]:
    first = tensors[0]
    values = to_float32(b"".join(tensor.tensor_content for tensor in tensors), first.tensor_type)
    # MindSpore writes a scalar as of shape (0,).
    shape = () if list(first.dims) == [0] else tuple(first.dims)
    return values.reshape(shape)


@cache
def _message_class() -> Any:
    # A pool of its own: MindSpore puts its own schema of this name into the common one.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(text_format.Parse(_SCHEMA, descriptor_pb2.FileDescriptorProto()))
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Checkpoint"))
