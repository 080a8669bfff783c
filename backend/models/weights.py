"""Named weights and the files that hold them: ``.ckpt``, ``.npz``, ``.onnx``, ``.safetensors``.

No format here needs pickle.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.errors import MissingPackageError, ModelFileError
from backend.mindspore.runtime import prepare_mindspore
from backend.models import model_file
from backend.models.model_file import ModelCard, ModelFile
from backend.models.npz import read_npz_content, write_npz
from backend.models.number_types import to_float32

__all__ = ["Weights", "read_weights", "weights_of", "write_weights"]

Weights = dict[str, NDArray[np.float32]]
"""Parameter name to value."""


def read_weights(path: Path) -> tuple[Weights, ModelCard | None]:
    """Return the float32 weights of a model file and its card, if it has one.

    Raises ModelFileError as `model_file.read` and `weights_of` do.
    """
    file = model_file.read(path)
    return weights_of(file), file.card


def weights_of(file: ModelFile) -> Weights:
    """Return the float32 weights in a model file.

    The content decides the format; the suffix counts where the content shows none.

    Raises ModelFileError for a file that is damaged, of an unknown format, or of numbers that are
    not supported.
    """
    reader = _READERS.get(file.suffix)
    if reader is None:
        raise ModelFileError(
            f"{file.path}: weights are read from {', '.join(_READERS)}, not from "
            f"{file.path.suffix!r} files."
        )
    weights = reader(file)
    if not weights:
        raise ModelFileError(f"{file.path}: does not contain weights.")
    return weights


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


def _read_npz(file: ModelFile) -> Weights:
    try:
        arrays = read_npz_content(file.payload)
        return {name: _from_numpy(name, value) for name, value in arrays.items()}
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{file.path}: cannot be read as .npz weights ({error}).") from error


def _from_numpy(name: str, value: NDArray[Any]) -> NDArray[np.float32]:
    if value.dtype.kind not in _NUMBERS:
        raise ValueError(f"{name} is of type {value.dtype}: save it as float32")
    return value.astype(np.float32)


def _read_checkpoint(file: ModelFile) -> Weights:
    # Only where it is needed: serving .onnx files needs no protobuf.
    from backend.models.checkpoint import parse_checkpoint  # noqa: PLC0415

    try:
        return parse_checkpoint(file.payload)
    except ValueError as error:
        raise ModelFileError(
            f"{file.path}: cannot be read as a whole .ckpt file of MindSpore ({error})."
        ) from error


def _read_onnx(file: ModelFile) -> Weights:
    import onnx  # noqa: PLC0415
    from google.protobuf.message import DecodeError  # noqa: PLC0415

    try:
        initializers = onnx.load_from_string(file.payload).graph.initializer
        if any(map(onnx.external_data_helper.uses_external_data, initializers)):
            raise ModelFileError(
                f"{file.path}: its weights are in another file: save the model as one file."
            )
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
        raise ModelFileError(f"{file.path}: cannot be read as an ONNX model ({error}).") from error
    if any(each.data_type == onnx.TensorProto.INT8 for each in initializers):
        raise ModelFileError(
            f"{file.path}: an int8 model only serves: take the weights from the .ckpt or .onnx "
            "file that was saved with it."
        )
    return weights


def _read_safetensors(file: ModelFile) -> Weights:
    try:
        import safetensors  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"{file.path}: reading it needs the package safetensors."
        ) from error
    deserialize: Any = safetensors.deserialize
    try:
        return {
            name: to_float32(tensor["data"], tensor["dtype"]).reshape(tensor["shape"])
            for name, tensor in deserialize(file.payload)
        }
    except (ValueError, safetensors.SafetensorError) as error:
        raise ModelFileError(f"{file.path}: cannot be read as .safetensors ({error}).") from error


def _to_checkpoint(weights: Weights) -> bytes:
    prepare_mindspore()
    import mindspore  # noqa: PLC0415

    entries = [{"name": name, "data": mindspore.Tensor(value)} for name, value in weights.items()]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "model.ckpt")
        mindspore.save_checkpoint(entries, str(target))
        return target.read_bytes()


_NUMBERS = "fiub"
"""NumPy's kinds of real numbers; what else there is, such as bfloat16, has no name in a file."""

_READERS: dict[str, Callable[[ModelFile], Weights]] = {
    ".ckpt": _read_checkpoint,
    ".npz": _read_npz,
    ".onnx": _read_onnx,
    ".safetensors": _read_safetensors,
}
