"""Named weights and the files that hold them: ``.ckpt``, ``.npz``, ``.onnx``, ``.safetensors``.

No format here needs pickle.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.errors import MissingPackageError, ModelFileError
from backend.mindspore.runtime import prepare_mindspore
from backend.models import model_file
from backend.models.model_file import ModelCard
from backend.models.npz import read_npz, write_npz

__all__ = ["Weights", "read_weights", "write_weights"]

Weights = dict[str, NDArray[np.float32]]
"""Parameter name to value."""


def read_weights(path: Path) -> tuple[Weights, ModelCard | None]:
    """Return the float32 weights of a model file and its card, if it has one.

    The content decides the format; the suffix counts where the content shows none.

    Raises ModelFileError for a file that is missing, damaged or of an unknown format.
    """
    reader = _READERS.get(model_file.content_suffix(path))
    if reader is None:
        raise ModelFileError(
            f"{path}: weights are read from {', '.join(_READERS)}, not from {path.suffix!r} files."
        )
    weights, card = reader(path)
    if not weights:
        raise ModelFileError(f"{path}: does not contain weights.")
    return weights, card


def write_weights(path: Path, weights: Weights, card: ModelCard) -> None:
    """Write ``weights`` to a ``.ckpt`` or ``.npz`` file atomically."""
    if path.suffix == ".npz":
        write_npz(path, weights)
    elif path.suffix == ".ckpt":
        model_file.write(path, _to_checkpoint(weights), card)
    else:
        raise ModelFileError(
            f"{path}: weights are written to .ckpt or .npz, not to {path.suffix!r} files."
        )


def _read_npz(path: Path) -> tuple[Weights, None]:
    try:
        return {name: value.astype(np.float32) for name, value in read_npz(path).items()}, None
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{path}: cannot be read as .npz weights ({error}).") from error


def _read_checkpoint(path: Path) -> tuple[Weights, ModelCard | None]:
    content = model_file.read(path)
    # Only where it is needed: serving .onnx files needs no protobuf.
    from backend.models.checkpoint import parse_checkpoint  # noqa: PLC0415

    try:
        return parse_checkpoint(content.payload), content.card
    except ValueError as error:
        raise ModelFileError(
            f"{path}: cannot be read as a checkpoint: is it a whole .ckpt file of MindSpore?"
        ) from error


def _read_onnx(path: Path) -> tuple[Weights, ModelCard | None]:
    content = model_file.read(path)
    import onnx  # noqa: PLC0415
    from google.protobuf.message import DecodeError  # noqa: PLC0415

    try:
        initializers = onnx.load_from_string(content.payload).graph.initializer
        weights = {
            each.name: onnx.numpy_helper.to_array(each).astype(np.float32)
            for each in initializers
            if each.dims
        }
    except (
        DecodeError,
        LookupError,
        OSError,
        TypeError,
        ValueError,
        onnx.checker.ValidationError,
    ) as error:
        raise ModelFileError(f"{path}: cannot be read as an ONNX model ({error}).") from error
    if any(each.data_type == onnx.TensorProto.INT8 for each in initializers):
        raise ModelFileError(
            f"{path}: an int8 model only serves: take the weights from the .ckpt or .onnx file "
            "that was saved with it."
        )
    return weights, content.card


def _read_safetensors(path: Path) -> tuple[Weights, None]:
    try:
        import safetensors  # noqa: PLC0415
        from safetensors.numpy import load_file  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingPackageError(f"{path}: reading it needs the package safetensors.") from error
    try:
        return {name: value.astype(np.float32) for name, value in load_file(path).items()}, None
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelFileError(f"{path}: cannot be read as .safetensors ({error}).") from error


def _to_checkpoint(weights: Weights) -> bytes:
    prepare_mindspore()
    import mindspore  # noqa: PLC0415

    entries = [{"name": name, "data": mindspore.Tensor(value)} for name, value in weights.items()]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "model.ckpt")
        mindspore.save_checkpoint(entries, str(target))
        return target.read_bytes()


_READERS: dict[str, Callable[[Path], tuple[Weights, ModelCard | None]]] = {
    ".ckpt": _read_checkpoint,
    ".npz": _read_npz,
    ".onnx": _read_onnx,
    ".safetensors": _read_safetensors,
}
