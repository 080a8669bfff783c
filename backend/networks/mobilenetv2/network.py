"""MobileNetV2 on MindSpore's own layers, with the parameter names of TinyMS's.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, table 2.
A checkpoint of one network loads into the other. Imports MindSpore: prepare it before.
"""

from mindspore import Tensor, nn, ops

__all__ = ["MobileNetV2"]

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
_LAST_CHANNELS = 1280


class _ConvBNReLU(nn.Cell):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        group: int = 1,
    ) -> None:
        super().__init__()
        convolution = nn.Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            pad_mode="pad",
            padding=kernel_size // 2,
            group=group,
        )
        self.features = nn.SequentialCell([convolution, nn.BatchNorm2d(out_channels), nn.ReLU6()])

    def construct(self, images: Tensor) -> Tensor:
        return self.features(images)


class _InvertedResidual(nn.Cell):
    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = in_channels * expansion
        expand = [_ConvBNReLU(in_channels, hidden, kernel_size=1)] if expansion > 1 else []
        self.adds_input = stride == 1 and in_channels == out_channels
        self.conv = nn.SequentialCell(
            [
                *expand,
                _ConvBNReLU(hidden, hidden, stride=stride, group=hidden),
                nn.Conv2d(hidden, out_channels, kernel_size=1),
                nn.BatchNorm2d(out_channels),
            ]
        )

    def construct(self, features: Tensor) -> Tensor:
        projected = self.conv(features)
        return features + projected if self.adds_input else projected


class _Backbone(nn.Cell):
    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Cell] = [_ConvBNReLU(3, _STEM_CHANNELS, stride=2)]
        channels = _STEM_CHANNELS
        for expansion, out_channels, count, first_stride in _STAGES:
            for index in range(count):
                stride = first_stride if index == 0 else 1
                blocks.append(_InvertedResidual(channels, out_channels, stride, expansion))
                channels = out_channels
        blocks.append(_ConvBNReLU(channels, _LAST_CHANNELS, kernel_size=1))
        self.backbone = nn.SequentialCell(blocks)

    def construct(self, images: Tensor) -> Tensor:
        return self.backbone(images)


class _GlobalAveragePooling(nn.Cell):
    def construct(self, features: Tensor) -> Tensor:
        return ops.mean(features, (2, 3))


class _Head(nn.Cell):
    """Features (N, 1280, H, W) float32 to logits (N, class_count) float32."""

    def __init__(self, class_count: int) -> None:
        """Make a head with MindSpore's own initial weights."""
        super().__init__()
        self.head = nn.SequentialCell(
            [_GlobalAveragePooling(), nn.Dense(_LAST_CHANNELS, class_count)]
        )

    def construct(self, features: Tensor) -> Tensor:
        """Return the logits."""
        return self.head(features)


class MobileNetV2(nn.Cell):
    """Images (N, 3, S, S) float32 to logits (N, class_count) float32; S a multiple of 32."""

    def __init__(self, class_count: int) -> None:
        """Make a network with MindSpore's own initial weights."""
        super().__init__()
        self.backbone = _Backbone()
        self.head = _Head(class_count)

    def construct(self, images: Tensor) -> Tensor:
        """Return the logits."""
        return self.head(self.backbone(images))
