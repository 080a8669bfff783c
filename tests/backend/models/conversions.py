"""MindCV's networks, and the names that torchvision publishes for the same layers."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.models.weights import Weights

_LEAVES = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_OUTER = {"0": "0.0", "1": "0.1", "20": "18.0", "21": "18.1"}
_FIRST_BLOCK = {"0": "0.0", "1": "0.1", "3": "1", "4": "2"}
_BLOCK = {"0": "0.0", "1": "0.1", "3": "1.0", "4": "1.1", "6": "2", "7": "3"}


_MINDCV = {"mobilenetv2": "mobilenet_v2_100"}


def mindcv_network(name: str = "mobilenetv2", classes: int = 3) -> Any:
    """Return a MindCV network, always the same, that tells images apart."""
    from mindcv import models  # noqa: PLC0415
    from mindspore import Tensor  # noqa: PLC0415

    network = getattr(models, _MINDCV.get(name, name))(num_classes=classes)
    network.set_train(False)
    generator = np.random.default_rng(0)
    for parameter in network.get_parameters():
        if parameter.name.endswith(("moving_variance", "gamma")):
            value = generator.uniform(0.5, 1.5, parameter.shape)
        else:
            deviation = np.sqrt(2 / np.prod(parameter.shape[1:])) if parameter.ndim > 1 else 0.1
            value = generator.normal(0, deviation, parameter.shape)
        parameter.set_data(Tensor(value.astype(np.float32)))
    return network


def in_torchvisions_layout(network: str, weights: Weights) -> dict[str, NDArray[Any]]:
    """Return MindCV's weights under torchvision's names, with its counters of batches."""
    rename = {"mobilenetv2": _mobilenetv2, "resnet50": _resnet50}[network]
    renamed: dict[str, NDArray[Any]] = {rename(name): each for name, each in weights.items()}
    counters = {
        name.replace("running_mean", "num_batches_tracked"): np.array(7, dtype=np.int64)
        for name in renamed
        if name.endswith("running_mean")
    }
    return renamed | counters


def in_timms_layout(weights: Weights) -> dict[str, NDArray[Any]]:
    """Return MindCV's MobileNetV2 under timm's names, sorted as safetensors files are."""
    blocks = [f"{stage}.{block}" for stage, count in enumerate(_STAGES) for block in range(count)]
    renamed = {_timm(name, blocks): value for name, value in weights.items()}
    return dict(sorted(renamed.items()))


_STAGES = (1, 2, 3, 4, 3, 3, 1)
_TIMM_OUTSIDE = {"0": "conv_stem", "1": "bn1", "20": "conv_head", "21": "bn2"}
_TIMM_FIRST = {"0": "conv_dw", "1": "bn1", "3": "conv_pw", "4": "bn2"}
_TIMM_OTHER = {"0": "conv_pw", "1": "bn1", "3": "conv_dw", "4": "bn2", "6": "conv_pwl", "7": "bn3"}


def _timm(name: str, blocks: list[str]) -> str:
    layer, leaf = name.rsplit(".", 1)
    leaf = _LEAVES.get(leaf, leaf)
    block = re.fullmatch(r"features\.(\d+)\.layers\.(\d+)", layer)
    if block:
        number = int(block[1]) - 3
        place = (_TIMM_OTHER if number else _TIMM_FIRST)[block[2]]
        return f"blocks.{blocks[number]}.{place}.{leaf}"
    outside = layer.removeprefix("features.")
    return f"{_TIMM_OUTSIDE.get(outside, 'classifier')}.{leaf}"


def _mobilenetv2(name: str) -> str:
    layer, leaf = name.rsplit(".", 1)
    leaf = _LEAVES.get(leaf, leaf)
    block = re.fullmatch(r"features\.(\d+)\.layers\.(\d+)", layer)
    if block:
        number = int(block[1]) - 2
        positions = _FIRST_BLOCK if number == 1 else _BLOCK
        return f"features.{number}.conv.{positions[block[2]]}.{leaf}"
    if layer.startswith("features."):
        return f"features.{_OUTER[layer.removeprefix('features.')]}.{leaf}"
    return f"{layer}.{leaf}"


def _resnet50(name: str) -> str:
    layer, leaf = name.rsplit(".", 1)
    layer = layer.replace("down_sample", "downsample").replace("classifier", "fc")
    return f"{layer}.{_LEAVES.get(leaf, leaf)}"
