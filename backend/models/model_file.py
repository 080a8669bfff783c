"""Model files that name their own length, digest and classes.

Sedna's LocalController copies models without truncating the target, so that a shorter model
written over a longer one keeps the old file's tail; and a reader can meet a copy that is not
yet complete. Neither a checkpoint nor an ONNX file with a tail loads. Both formats are
protobuf messages, whose parsers skip what they do not know and take fields in any order. So
each file starts with one such field, a JSON *card*: an unknown field in a checkpoint, an entry
of ``metadata_props`` in an ONNX model. MindSpore, ONNX Runtime and every other reader load the
file unchanged; `read` uses the card to cut a tail off and to refuse a damaged copy.
"""

import hashlib
import json
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from backend.errors import ModelFileError
from backend.files import write_atomically
from backend.memory import memory_limit

__all__ = [
    "SUFFIXES",
    "ModelCard",
    "ModelFile",
    "add_confidence",
    "content_suffix",
    "model_format",
    "model_name",
    "read",
    "write",
]

SUFFIXES = (".ckpt", ".npz", ".onnx", ".safetensors", ".mindir")
"""Of the formats that models are read from or written to."""

_INT8 = "int8"
_SHARE_OF_MEMORY = 4
"""A model in use takes up to four times its file."""

_KEY = b"sedna-tinyms"
_LENGTH_DELIMITED = 2
_LOW_BITS, _MORE = 0x7F, 0x80  # of each byte of a varint
_CHECKPOINT_FIELD = 1000  # unknown to MindSpore's Checkpoint message
_METADATA_PROPS_FIELD = 14  # of ONNX's ModelProto: repeated key (1) and value (2)


@dataclass(frozen=True)
class ModelCard:
    """What a model file says of itself."""

    class_names: tuple[str, ...]
    input_size: int
    """Side of the square input, pixels."""
    network: str | None = None
    """What the setting ``network`` calls it; None in files that do not say."""
    confidence: tuple[int, ...] = ()
    """How sure the model was of its evaluation's images: `metrics.confidence_counts`."""


@dataclass(frozen=True)
class ModelFile:
    """A model file, read once: who names its version and who loads it see the same content."""

    path: Path
    """Where it was read."""
    card: ModelCard | None
    """None for a file that this project did not write."""
    payload: bytes
    """What the framework wrote, without card or tail."""
    digest: str
    """The payload's SHA-256, 64 hexadecimal digits."""
    suffix: str
    """Of the format: what the content shows, or else the name."""


def model_name(format_: str) -> str:
    """Return a model's file name: ``model.onnx`` for ``onnx``, ``model.int8.onnx`` for ``int8``."""
    return f"model.{format_}.onnx" if format_ == _INT8 else f"model.{format_}"


def model_format(path: str | PurePath) -> str:
    """Return the format that a file's name tells: ``int8`` for ``*.int8.onnx``, else its suffix."""
    suffixes = PurePath(path).suffixes[-2:]
    return _INT8 if suffixes == [f".{_INT8}", ".onnx"] else "".join(suffixes[-1:]).lstrip(".")


def content_suffix(path: Path) -> str:
    """Return the suffix of the format that a file's content shows, or else its own.

    Sedna's lifelong learning names every model ``<task>.model``, and its hot update ends the
    name with a time.
    """
    try:
        with path.open("rb") as file:
            return _suffix(path, file.read(_HEAD_BYTES))
    except OSError:
        return path.suffix


def _suffix(path: Path, head: bytes) -> str:
    if path.suffix == ".mindir":
        # Its first field is a checkpoint's, too.
        return path.suffix
    return next((suffix for suffix, shows in _SIGNS if shows(head)), path.suffix)


def write(path: Path, payload: bytes, card: ModelCard) -> None:
    """Write a ``.ckpt`` or ``.onnx`` file with its card atomically."""
    write_atomically(path, _header(path.suffix, payload, card) + payload)


def add_confidence(path: Path, confidence: Sequence[int]) -> None:
    """Write ``confidence`` into a model's card atomically; the model stays the same.

    A file without a card stays as it is. Raises ModelFileError as `read` does, and WriteError.
    """
    file = read(path)
    if file.card is not None:
        write(path, file.payload, replace(file.card, confidence=tuple(confidence)))


def read(path: Path) -> ModelFile:
    """Read a model file of any format, with or without a card.

    Raises ModelFileError if the file is missing, incomplete or altered, or if a model of its size
    does not fit into the memory that this process may take.
    """
    try:
        content = _content(path)
    except OSError as error:
        raise ModelFileError(
            f"{path}: cannot read the model ({error.strerror}): check its name and who may read it."
        ) from error
    located = _find_card(content)
    suffix = _suffix(path, content[:_HEAD_BYTES])
    if located is None:
        return ModelFile(path, None, content, hashlib.sha256(content).hexdigest(), suffix)
    text, start = located
    return _checked(path, text, content[start:], suffix)


def _content(path: Path) -> bytes:
    """Return the whole file; raises OSError, and ModelFileError for what may have no end."""
    status, most = path.stat(), memory_limit() // _SHARE_OF_MEMORY
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise ModelFileError(f"{path}: is not a regular file: give the path of a model.")
    if status.st_size > most:
        raise ModelFileError(
            f"{path}: has {status.st_size >> 20} MiB, and models of up to {most >> 20} MiB, a"
            " quarter of this process's memory, can be loaded: check the file, or raise the"
            " memory limit."
        )
    with path.open("rb") as file:
        return file.read(most)


def _checked(path: Path, text: bytes, rest: bytes, suffix: str) -> ModelFile:
    try:
        fields = json.loads(text)
        length, digest = int(fields["length"]), str(fields["sha256"])
        card = ModelCard(
            tuple(map(str, fields["class_names"])),
            int(fields["input_size"]),
            fields.get("network"),
            tuple(map(int, fields.get("confidence", ()))),
        )
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: the model's card is damaged: copy it again.") from error
    payload = rest[:length]
    if len(payload) != length or hashlib.sha256(payload).hexdigest() != digest:
        raise ModelFileError(
            f"{path}: the model is incomplete or altered ({len(payload)} of {length} bytes, or "
            "another checksum): copy it again."
        )
    return ModelFile(path, card, payload, digest, suffix)


def _header(suffix: str, payload: bytes, card: ModelCard) -> bytes:
    text = json.dumps(
        {
            "length": len(payload),
            "sha256": hashlib.sha256(payload).hexdigest(),
            "class_names": card.class_names,
            "input_size": card.input_size,
            "network": card.network,
            "confidence": card.confidence,
        }
    ).encode()
    if suffix == ".onnx":
        return _field(_METADATA_PROPS_FIELD, _field(1, _KEY) + _field(2, text))
    return _field(_CHECKPOINT_FIELD, _KEY + text)


def _find_card(content: bytes) -> tuple[bytes, int] | None:
    """Return the card's text and where the payload starts, or None without a card."""
    found = _read_field(content, 0, _CHECKPOINT_FIELD)
    if found is not None:
        body, end = found
        return (body.removeprefix(_KEY), end) if body.startswith(_KEY) else None
    found = _read_field(content, 0, _METADATA_PROPS_FIELD)
    if found is None:
        return None
    body, end = found
    key = _read_field(body, 0, 1)
    if key is None or key[0] != _KEY:
        return None
    value = _read_field(body, key[1], 2)
    return None if value is None else (value[0], end)


def _field(number: int, body: bytes) -> bytes:
    """Encode a length-delimited protobuf field."""
    return _tag(number) + _varint(len(body)) + body


def _tag(number: int) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED)


def _read_field(content: bytes, start: int, number: int) -> tuple[bytes, int] | None:
    """Return the body of the length-delimited field ``number`` at ``start``, and its end."""
    tag = _tag(number)
    if not content.startswith(tag, start):
        return None
    decoded = _read_varint(content, start + len(tag))
    if decoded is None:
        return None
    length, body = decoded
    return (content[body : body + length], body + length) if body + length <= len(content) else None


def _varint(number: int) -> bytes:
    groups: list[int] = []
    while number > _LOW_BITS:
        groups.append(number & _LOW_BITS | _MORE)
        number >>= 7
    return bytes([*groups, number])


def _read_varint(content: Sequence[int], start: int) -> tuple[int, int] | None:
    number = 0
    for index, byte in enumerate(content[start : start + 10]):
        number |= (byte & _LOW_BITS) << (7 * index)
        if byte < _MORE:
            return number, start + index + 1
    return None


_ZIP = b"PK\x03\x04"
_JSON_START = 8
"""Where the JSON of a ``.safetensors`` file begins, behind its length."""
_HEAD_BYTES = 16
"""Which show the format."""

_SIGNS: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    (".npz", lambda head: head.startswith(_ZIP)),
    (".safetensors", lambda head: head[_JSON_START : _JSON_START + 1] == b"{"),
    # A card of this project's, or the version, which is ONNX's first field.
    (".onnx", lambda head: head.startswith((_tag(_METADATA_PROPS_FIELD), b"\x08"))),
    (".ckpt", lambda head: head.startswith((_tag(_CHECKPOINT_FIELD), _tag(1)))),
)
"""What the first bytes of each format show."""
