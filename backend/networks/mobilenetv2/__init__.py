"""MobileNetV2: Sandler et al., "Inverted Residuals and Linear Bottlenecks", CVPR 2018."""

from functools import partial
from typing import Any

from backend.models.weights import Weights
from backend.networks.description import Network, Shortcuts
from backend.networks.from_tinyms import tinyms_cell
from backend.networks.mobilenetv2.architecture import HEAD, block_names, shapes_of
from backend.networks.mobilenetv2.initial import initial_weights

__all__ = ["MOBILENETV2"]


def _build_on_mindspore(class_count: int) -> Any:
    from backend.networks.mobilenetv2.network import mobilenetv2  # noqa: PLC0415

    return mobilenetv2(class_count)


def _initial_weights(class_count: int, seed: int) -> Weights:
    return initial_weights(shapes_of(class_count), seed)


def _onnx_model(weights: Weights, input_size: int) -> bytes:
    # Only now: importing `onnx` takes time.
    from backend.networks.mobilenetv2.onnx_graph import onnx_model  # noqa: PLC0415

    return onnx_model(weights, input_size)


MOBILENETV2 = Network(
    partial(tinyms_cell, "mobilenetv2"),
    stride=32,
    head=HEAD,
    blocks=block_names(),
    is_chain=True,
    name="mobilenetv2",
    build_on_mindspore=_build_on_mindspore,
    shortcuts=Shortcuts(shapes_of, _initial_weights, _onnx_model),
)
