"""A small network of one's own: RGB pictures of 64 pixels, or any multiple of 8."""

from typing import Any

from backend.networks import Network, Normalisation


def build(class_count: int) -> Any:
    """Return the network as a MindSpore cell, from inputs (N, 3, S, S) to logits."""
    # Only here: the inference image has no MindSpore, and needs none.
    from mindspore import nn, ops  # noqa: PLC0415

    def block(inputs: int, outputs: int) -> Any:
        convolution = nn.Conv2d(inputs, outputs, 3, stride=2, pad_mode="pad", padding=1)
        return nn.SequentialCell([convolution, nn.BatchNorm2d(outputs), nn.ReLU()])

    class Small(nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.SequentialCell([block(3, 16), block(16, 32), block(32, 64)])
            self.head = nn.Dense(64, class_count)

        def construct(self, images: Any) -> Any:
            return self.head(ops.mean(self.blocks(images), (2, 3)))

    return Small()


small = Network(
    build,
    input_size=64,
    stride=8,
    normalisation=Normalisation(mean=(127.5, 127.5, 127.5), std=(127.5, 127.5, 127.5)),
    head="head",
    blocks=("blocks.0", "blocks.1", "blocks.2"),
)
