"""Exports a network to ONNX and MINDIR. Imports MindSpore: the toolkit prepares it before."""

import tempfile
from pathlib import Path

import mindspore
import mindspore.onnx
import numpy as np
import onnx
from mindspore import nn

from backend.files import replaced_atomically
from backend.mobilenetv2.toolkit import Cell

__all__ = ["export_mindir", "export_onnx"]


def export_onnx(network: Cell, input_size: int) -> bytes:
    """Return ``network`` as an ONNX model from ``images`` (batch, 3, S, S) to its outputs."""
    network.set_train(False)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "network.onnx")
        mindspore.onnx.export(_Exported(network), _example(input_size), file_name=str(target))
        model = _with_symbolic_batch(onnx.load(target))
    return bytes(model.SerializeToString())


def export_mindir(network: Cell, input_size: int, path: Path) -> None:
    """Write ``network`` to ``path`` as MINDIR for one image at a time, whole or not at all."""
    network.set_train(False)
    with replaced_atomically(path) as temporary:
        mindspore.export(
            network, _example(input_size), file_name=str(temporary), file_format="MINDIR"
        )


class _Exported(nn.Cell):  # type: ignore[misc]
    """A new cell for each export: MindSpore cannot export the same one to ONNX twice."""

    def __init__(self, network: Cell) -> None:
        super().__init__(auto_prefix=False)
        self.network = network

    def construct(self, images: mindspore.Tensor) -> mindspore.Tensor:
        return self.network(images)


def _example(input_size: int) -> mindspore.Tensor:
    return mindspore.Tensor(np.zeros((1, 3, input_size, input_size), dtype=np.float32))


def _with_symbolic_batch(model: onnx.ModelProto) -> onnx.ModelProto:
    """Let the first dimension be any: MindSpore exports the example's."""
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    return model
