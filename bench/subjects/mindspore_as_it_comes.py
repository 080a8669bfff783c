"""MobileNetV2 1.0 of MindCV on MindSpore, with nothing set: a training step and an inference."""

import mindspore
import numpy as np
from mindcv import create_model
from mindspore import Tensor, nn

from bench.answering import Values, answer, median_ms
from bench.dataset import CLASS_NAMES, INPUT_SIZE


def as_it_comes(batch_size: int, steps: int) -> Values:
    """Return the milliseconds of a training step of ``batch_size`` and of one inference."""
    mindspore.set_context(mode=mindspore.GRAPH_MODE)
    network = create_model("mobilenet_v2_100", num_classes=len(CLASS_NAMES))
    loss = nn.WithLossCell(network, nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean"))
    step = nn.TrainOneStepCell(loss, nn.Adam(network.trainable_params(), learning_rate=1e-3))
    step.set_train()
    labels = Tensor(np.zeros(batch_size, np.int32))
    images, image = _zeros(batch_size), _zeros(1)
    step_ms = median_ms(lambda: step(images, labels).asnumpy(), steps, warm_up=1)
    network.set_train(False)
    return {
        "step_ms": step_ms,
        "one_ms": median_ms(lambda: network(image).asnumpy(), steps * 5),
    }


def _zeros(count: int) -> Tensor:
    return Tensor(np.zeros((count, 3, INPUT_SIZE, INPUT_SIZE), np.float32))


if __name__ == "__main__":
    answer(as_it_comes)
