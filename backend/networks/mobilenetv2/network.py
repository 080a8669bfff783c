"""MobileNetV2 on MindSpore's own layers, with the parameter names of TinyMS's.

A checkpoint of one network loads into the other. Imports MindSpore: prepare it before.
"""

from collections import OrderedDict

from mindspore import Tensor, nn, ops

from backend.networks.mobilenetv2.architecture import FEATURE_COUNT, Block, Convolution, blocks

__all__ = ["mobilenetv2"]


def mobilenetv2(class_count: int) -> nn.Cell:
    """Return the network, with MindSpore's own initial weights.

    It turns images (N, 3, S, S) into logits (N, class_count), float32; S is a multiple of 32.
    """
    head = nn.SequentialCell([_GlobalAveragePooling(), nn.Dense(FEATURE_COUNT, class_count)])
    backbone = nn.SequentialCell([_cell(block) for block in blocks()])
    return _named(backbone=_named(backbone=backbone), head=_named(head=head))


class _InvertedResidual(nn.Cell):
    def __init__(self, block: Block) -> None:
        super().__init__()
        *activated, last = block.convolutions
        self.adds_input = block.adds_input
        self.conv = nn.SequentialCell([*map(_activated, activated), *_layers(last)])

    def construct(self, features: Tensor) -> Tensor:
        projected = self.conv(features)
        return features + projected if self.adds_input else projected


class _GlobalAveragePooling(nn.Cell):
    def construct(self, features: Tensor) -> Tensor:
        return ops.mean(features, (2, 3))


def _cell(block: Block) -> nn.Cell:
    is_single = len(block.convolutions) == 1
    return _activated(block.convolutions[0]) if is_single else _InvertedResidual(block)


def _activated(convolution: Convolution) -> nn.Cell:
    return _named(features=nn.SequentialCell([*_layers(convolution), nn.ReLU6()]))


def _layers(convolution: Convolution) -> tuple[nn.Cell, nn.Cell]:
    out_channels, group_channels, side, _ = convolution.shape
    convolved = nn.Conv2d(
        group_channels * convolution.groups,
        out_channels,
        side,
        convolution.stride,
        pad_mode="pad",
        padding=side // 2,
        group=convolution.groups,
    )
    return convolved, nn.BatchNorm2d(out_channels)


def _named(**cells: nn.Cell) -> nn.Cell:
    """Return a cell that applies these in order; parameters' names start with theirs."""
    return nn.SequentialCell(OrderedDict(cells))
