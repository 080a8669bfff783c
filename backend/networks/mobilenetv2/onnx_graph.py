"""A MobileNetV2's weights as an ONNX model.

Written straight from the weights, in a few hundredths of a second: MindSpore's own export has
to be imported, and compiles the network first, which takes seconds. Operators and operands are
the same.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from backend.models.onnx_values import BATCH, FEATURES, IMAGES, LOGITS
from backend.networks.mobilenetv2.architecture import (
    HEAD_BIAS,
    HEAD_WEIGHT,
    Block,
    Convolution,
    blocks,
)

__all__ = ["onnx_model"]

Weights = Mapping[str, NDArray[np.float32]]

_OPSET = 11
_IR_VERSION = 7
_EPSILON = 1e-5
_RELU6_BOUNDS = {"relu6.least": np.float32(0), "relu6.most": np.float32(6)}


def onnx_model(weights: Weights, input_size: int) -> bytes:
    """Return the model from ``images`` (batch, 3, S, S) to ``logits`` and ``features``.

    ``logits`` are (batch, C), ``features`` the pooled outputs of the backbone, (batch, 1280). The
    initializers have the parameters' names.
    """
    head = helper.make_node("Gemm", [FEATURES, HEAD_WEIGHT, HEAD_BIAS], [LOGITS], transB=1)
    nodes = [*_backbone(), head]
    constants = {**weights, **_RELU6_BOUNDS}
    used = dict.fromkeys(name for node in nodes for name in node.input if name in constants)
    class_count, feature_count = weights[HEAD_WEIGHT].shape
    graph = helper.make_graph(
        nodes,
        "MobileNetV2",
        [_value(IMAGES, [BATCH, 3, input_size, input_size])],
        [_value(LOGITS, [BATCH, class_count]), _value(FEATURES, [BATCH, feature_count])],
        [numpy_helper.from_array(np.asarray(constants[each]), each) for each in used],
    )
    opset = helper.make_opsetid("", _OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
    return bytes(model.SerializeToString())


def _value(name: str, shape: list[str | int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _backbone() -> Iterator[onnx.NodeProto]:
    value = IMAGES
    for number, block in enumerate(blocks()):
        nodes = list(_block(block, value, f"block{number}"))
        yield from nodes
        value = nodes[-1].output[0]
    yield helper.make_node("ReduceMean", [value], [FEATURES], axes=[2, 3], keepdims=0)


def _block(block: Block, value: str, name: str) -> Iterator[onnx.NodeProto]:
    entered = value
    for convolution in block.convolutions:
        nodes = list(_convolution(convolution, value))
        yield from nodes
        value = nodes[-1].output[0]
    if block.adds_input:
        yield helper.make_node("Add", [entered, value], [f"{name}.sum"])


def _convolution(convolution: Convolution, value: str) -> Iterator[onnx.NodeProto]:
    name, side = convolution.name, convolution.shape[-1]
    convolved, normalised = f"{name}.convolved", f"{name}.normalised"
    yield helper.make_node(
        "Conv",
        [value, name],
        [convolved],
        kernel_shape=[side, side],
        strides=[convolution.stride] * 2,
        pads=[side // 2] * 4,
        group=convolution.groups,
    )
    yield helper.make_node(
        "BatchNormalization",
        [convolved, *convolution.normalisation],
        [normalised],
        epsilon=_EPSILON,
    )
    if convolution.has_relu6:
        yield helper.make_node("Clip", [normalised, *_RELU6_BOUNDS], [f"{name}.clipped"])
