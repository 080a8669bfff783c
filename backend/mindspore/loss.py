"""The loss of training on MindSpore alone. Imports MindSpore: prepare it before."""

import mindspore
from mindspore import Tensor, nn, ops

__all__ = ["SmoothedCrossEntropy"]


class SmoothedCrossEntropy(nn.Cell):
    """Mean cross entropy of logits (N, C) and class numbers (N,), with label smoothing.

    Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016. Made of the operations
    that TinyMS's loss is made of: `nn.CrossEntropyLoss` rounds otherwise, and training
    amplifies the difference.
    """

    def __init__(self, class_count: int, label_smoothing: float) -> None:
        """Share ``label_smoothing`` (0 to 1) of the probability among all classes."""
        super().__init__()
        share = label_smoothing / class_count
        self.class_count = class_count
        self.on_value = Tensor(1.0 - label_smoothing + share, mindspore.float32)
        self.off_value = Tensor(share, mindspore.float32)
        self.cross_entropy = nn.SoftmaxCrossEntropyWithLogits()

    def construct(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss, a scalar."""
        targets = ops.one_hot(labels, self.class_count, self.on_value, self.off_value)
        return ops.mean(self.cross_entropy(logits, targets), 0)
