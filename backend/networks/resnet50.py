"""ResNet-50: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1.

TinyMS's network and parameter names, with the padding and the epsilon of published weights:
TinyMS itself pads a convolution of stride 2 on one side more than on the other.
"""

from typing import Any

from backend.mindspore import tinyms_compat
from backend.networks.description import Network

__all__ = ["RESNET50"]

_STAGES = (3, 4, 6, 3)
"""Blocks in each stage."""

_WIDTHS = (256, 512, 1024, 2048)
"""Output channels of each stage."""

_STEM = 64


def _build(class_count: int) -> Any:
    tinyms_compat.install()
    from mindspore.nn import BatchNorm2d, Conv2d, SequentialCell  # noqa: PLC0415
    from tinyms.model.resnet50 import ResidualBlock, ResNet  # noqa: PLC0415

    def convolution(channels: int, outputs: int, size: int, stride: int) -> Any:
        padding = size // 2
        return Conv2d(channels, outputs, size, stride, pad_mode="pad", padding=padding)

    class Block(ResidualBlock):  # type: ignore[misc]
        def __init__(self, channels: int, outputs: int, stride: int = 1) -> None:
            super().__init__(channels, outputs, stride)
            inner = outputs // self.expansion
            self.conv2 = convolution(inner, inner, 3, stride)
            self.bn1, self.bn2, self.bn3 = map(BatchNorm2d, (inner, inner, outputs))
            if self.down_sample:
                projection = convolution(channels, outputs, 1, stride)
                self.down_sample_layer = SequentialCell([projection, BatchNorm2d(outputs)])

    inputs = [_STEM, *_WIDTHS[:-1]]
    network = ResNet(Block, [*_STAGES], inputs, [*_WIDTHS], [1, 2, 2, 2], class_count)
    network.conv1, network.bn1 = convolution(3, _STEM, 7, 2), BatchNorm2d(_STEM)
    return network


RESNET50 = Network(
    _build,
    stride=32,
    head="end_point",
    blocks=(
        "conv1",
        *(
            f"layer{stage}.{block}"
            for stage, count in enumerate(_STAGES, 1)
            for block in range(count)
        ),
    ),
    is_chain=True,
    name="resnet50",
)
