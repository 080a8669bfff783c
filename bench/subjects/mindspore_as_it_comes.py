"""MobileNetV2 1.0 of MindCV on MindSpore, with nothing set: a training step and an inference."""

from collections.abc import Mapping

import mindspore
import numpy as np
from mindcv import create_model
from mindspore import Tensor, nn

from bench.answering import answer, median_ms
from bench.dataset import CLASS_NAMES, INPUT_SIZE


def run(batch_size: int, steps: int) -> Mapping[str, float]:
    """Return the milliseconds of a training step of ``batch_size`` and of one inference."""
    mindspore.set_context(mode=mindspore.GRAPH_MODE)
    network = create_model("mobilenet_v2_100", num_classes=len(CLASS_NAMES))
    return {"step_ms": _step_ms(network, batch_size, steps), "one_ms": _one_ms(network, steps)}


def _step_ms(network: nn.Cell, batch_size: int, steps: int) -> float:
    loss = nn.WithLossCell(network, nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean"))
    step = nn.TrainOneStepCell(loss, nn.Adam(network.trainable_params(), learning_rate=1e-3))
    step.set_train()
    labels = Tensor(np.zeros(batch_size, np.int32))
    images = _inputs(batch_size)
    return median_ms(lambda: step(images, labels).asnumpy(), steps, warm_up=1)


def _one_ms(network: nn.Cell, times: int) -> float:
    network.set_train(False)
    image = _inputs(1)
    return median_ms(lambda: network(image).asnumpy(), times * 5)


def _inputs(count: int) -> Tensor:
    return Tensor(np.zeros((count, 3, INPUT_SIZE, INPUT_SIZE), np.float32))


if __name__ == "__main__":
    answer(run)
