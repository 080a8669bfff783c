"""The same MobileNetV2 1.0 in PyTorch: layer by layer what `backend` says it is made of."""

import torch
from torch import Tensor, nn

from backend.networks.mobilenetv2.architecture import (
    FEATURE_COUNT,
    HEAD_BIAS,
    HEAD_WEIGHT,
    Block,
    Convolution,
    blocks,
    shapes_of,
)

__all__ = ["TorchMobileNetV2"]


class _Block(nn.Module):  # type: ignore[misc]  # PyTorch is not installed here
    def __init__(self, block: Block) -> None:
        super().__init__()
        self.adds_input = block.adds_input
        self.layers = nn.Sequential(*(nn.Sequential(*_layers(c)) for c in block.convolutions))

    def forward(self, inputs: Tensor) -> Tensor:
        outputs = self.layers(inputs)
        return inputs + outputs if self.adds_input else outputs


class TorchMobileNetV2(nn.Module):  # type: ignore[misc]  # PyTorch is not installed here
    """Images (N, 3, S, S) float32 to logits (N, class_count) float32."""

    def __init__(self, class_count: int) -> None:
        """Make a network with PyTorch's own initial weights."""
        super().__init__()
        self._shapes = shapes_of(class_count)
        self.backbone = nn.Sequential(*(_Block(block) for block in blocks()))
        self.head = nn.Linear(FEATURE_COUNT, class_count)
        self._check_size()

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        return self.head(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """Return what the head sees, (N, 1280)."""
        return self.backbone(images).mean((2, 3))

    def take_backbone(self, weights: dict[str, Tensor]) -> None:
        """Start from a backbone's weights, by TinyMS's parameter names."""
        mine = self._named()
        with torch.no_grad():
            for name in mine.keys() - {HEAD_WEIGHT, HEAD_BIAS}:
                mine[name].copy_(weights[name])

    def _named(self) -> dict[str, Tensor]:
        """Return each parameter and statistic by TinyMS's name."""
        named = {HEAD_WEIGHT: self.head.weight, HEAD_BIAS: self.head.bias}
        for module, block in zip(self.backbone, blocks(), strict=True):
            for layers, convolution in zip(module.layers, block.convolutions, strict=True):
                norm = layers[1]
                tensors = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
                named[convolution.name] = layers[0].weight
                named |= dict(zip(convolution.normalisation, tensors, strict=True))
        return named

    def _check_size(self) -> None:
        shapes = {name: tuple(tensor.shape) for name, tensor in self._named().items()}
        if shapes != self._shapes:
            raise ValueError("PyTorch's network has other parameters than this project's.")


def _layers(convolution: Convolution) -> list[nn.Module]:
    out_channels, group_channels, size, _ = convolution.shape
    layers = [
        nn.Conv2d(
            group_channels * convolution.groups,
            out_channels,
            size,
            convolution.stride,
            size // 2,
            groups=convolution.groups,
            bias=False,
        ),
        nn.BatchNorm2d(out_channels),
    ]
    return [*layers, nn.ReLU6(inplace=True)] if convolution.has_relu6 else layers
