"""A true ONNX model that needs no training: it tells a dark image from a bright one.

Its features are the means of red, green and blue.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["SIDE", "write_model"]

SIDE = 32
"""Of its square input, pixels."""


def write_model(path: Path, sharpness: float = 4.0, classes: int = 2) -> Path:
    """Write a model of the classes dark, bright; ``sharpness`` < 0 makes it always wrong."""
    signs = np.resize(np.array([-1.0, 1.0], np.float32), classes)
    weights = np.outer(np.ones(3), signs).astype(np.float32) * sharpness / 3
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["x"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["features"]),
            helper.make_node("MatMul", ["features", "weights"], ["logits"]),
        ],
        "brightness",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", classes]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 3]),
        ],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(onnx.ModelProto.SerializeToString(model))
    return path
