"""What a MobileNetV2 1.0 is made of, without a framework: its layers, and their parameters' names.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, table 2; the
names are those of TinyMS's network.
"""

from collections.abc import Iterator
from typing import NamedTuple

from backend.models.parameters import Shapes

__all__ = [
    "FEATURE_COUNT",
    "HEAD",
    "HEAD_BIAS",
    "HEAD_WEIGHT",
    "Block",
    "Convolution",
    "block_names",
    "blocks",
    "shapes_of",
]

HEAD = "head.head.1"
HEAD_WEIGHT, HEAD_BIAS = f"{HEAD}.weight", f"{HEAD}.bias"

FEATURE_COUNT = 1280

_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, output channels, number of blocks and first stride of each stage."""

_STEM_CHANNELS = 32
_BLOCK = "backbone.backbone.{}"
_STATISTICS = ("gamma", "beta", "moving_mean", "moving_variance")


class Convolution(NamedTuple):
    """A square convolution without bias, padded to keep the size, and its normalisation."""

    name: str
    """Of the weight."""
    shape: tuple[int, int, int, int]
    """Of the weight: output channels, input channels of a group, height, width."""
    stride: int
    groups: int
    normalisation: tuple[str, str, str, str]
    """Names of gamma, beta, mean and variance."""
    has_relu6: bool
    """Whether ReLU6 follows the normalisation."""


class Block(NamedTuple):
    """Convolutions, one after the other."""

    convolutions: tuple[Convolution, ...]
    adds_input: bool
    """Whether the block's input is added to its output."""


def blocks() -> Iterator[Block]:
    """Yield the backbone's 19 blocks."""
    yield Block((_activated(_BLOCK.format(0), 3, _STEM_CHANNELS, stride=2),), adds_input=False)
    number, channels = 1, _STEM_CHANNELS
    for expansion, out_channels, count, first_stride in _STAGES:
        for stride in (first_stride, *[1] * (count - 1)):
            yield _inverted_residual(
                f"{_BLOCK.format(number)}.conv", channels, out_channels, stride, expansion
            )
            number, channels = number + 1, out_channels
    last = _activated(_BLOCK.format(number), channels, FEATURE_COUNT, kernel_size=1)
    yield Block((last,), adds_input=False)


def block_names() -> tuple[str, ...]:
    """Return the name of each block's cell."""
    return tuple(_BLOCK.format(number) for number, _ in enumerate(blocks()))


def shapes_of(class_count: int) -> Shapes:
    """Return the shape of every parameter of a classifier of ``class_count`` classes."""
    shapes: Shapes = {}
    for block in blocks():
        for convolution in block.convolutions:
            shapes[convolution.name] = convolution.shape
            shapes |= dict.fromkeys(convolution.normalisation, convolution.shape[:1])
    return shapes | {HEAD_WEIGHT: (class_count, FEATURE_COUNT), HEAD_BIAS: (class_count,)}


def _inverted_residual(
    prefix: str, in_channels: int, out_channels: int, stride: int, expansion: int
) -> Block:
    hidden = in_channels * expansion
    expand = (
        [_activated(f"{prefix}.0", in_channels, hidden, kernel_size=1)] if expansion > 1 else []
    )
    depthwise = len(expand)
    convolutions = (
        *expand,
        _activated(f"{prefix}.{depthwise}", hidden, hidden, stride=stride, groups=hidden),
        Convolution(
            f"{prefix}.{depthwise + 1}.weight",
            (out_channels, hidden, 1, 1),
            1,
            1,
            _normalisation(f"{prefix}.{depthwise + 2}"),
            has_relu6=False,
        ),
    )
    return Block(convolutions, adds_input=stride == 1 and in_channels == out_channels)


def _activated(
    prefix: str,
    in_channels: int,
    out_channels: int,
    *,
    kernel_size: int = 3,
    stride: int = 1,
    groups: int = 1,
) -> Convolution:
    return Convolution(
        f"{prefix}.features.0.weight",
        (out_channels, in_channels // groups, kernel_size, kernel_size),
        stride,
        groups,
        _normalisation(f"{prefix}.features.1"),
        has_relu6=True,
    )


def _normalisation(prefix: str) -> tuple[str, str, str, str]:
    gamma, beta, mean, variance = (f"{prefix}.{name}" for name in _STATISTICS)
    return gamma, beta, mean, variance
