"""Exports a network to ONNX and MINDIR. Imports MindSpore: the toolkit prepares it before."""

import tempfile
from pathlib import Path

import mindspore
import numpy as np
import onnx

from backend.classifier.toolkit import Cell
from backend.errors import ModelFileError
from backend.files import replaced_atomically
from backend.images.preprocessing import InputFormat
from backend.models.onnx_values import BATCH, FEATURES, IMAGES, LOGITS

__all__ = ["export_mindir", "onnx_model"]


def export_mindir(network: Cell, input_format: InputFormat, path: Path) -> None:
    """Write ``network`` to ``path`` as MINDIR for one image at a time atomically."""
    with replaced_atomically(path) as temporary:
        _export(network, input_format, temporary, "MINDIR")


def onnx_model(network: Cell, input_format: InputFormat, head: str | None) -> bytes:
    """Return the model from ``images`` (batch, C, S, S) to ``logits`` and ``features``.

    Without a head there are no features. The initializers have the parameters' names. Raises
    ModelFileError if ``head`` is not the name of a dense layer.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        _export(network, input_format, path, "ONNX")
        model = onnx.load(path)
    graph = model.graph
    names = {graph.input[0].name: IMAGES, graph.output[0].name: LOGITS}
    if head:
        names[_features(graph, f"{head}.weight")] = FEATURES
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    graph.input[0].name, graph.output[0].name = IMAGES, LOGITS
    if head:
        weight = next(each for each in graph.initializer if each.name == f"{head}.weight")
        shape: list[str | int | None] = [BATCH, weight.dims[1]]
        graph.output.append(
            onnx.helper.make_tensor_value_info(FEATURES, onnx.TensorProto.FLOAT, shape)
        )
    for value in (graph.input[0], graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    return bytes(model.SerializeToString())


def _export(network: Cell, input_format: InputFormat, path: Path, file_format: str) -> None:
    network.set_train(False)
    example = mindspore.Tensor(np.zeros((1, *input_format.shape), dtype=np.float32))
    mindspore.export(network, example, file_name=str(path), file_format=file_format)


def _features(graph: onnx.GraphProto, weight: str) -> str:
    """Return the name of what the layer with this weight takes."""
    for node in graph.node:
        if node.op_type == "Gemm" and node.input[1] == weight:
            return str(node.input[0])
    raise ModelFileError(f"The network's head must be a dense layer, which {weight} is not of.")
