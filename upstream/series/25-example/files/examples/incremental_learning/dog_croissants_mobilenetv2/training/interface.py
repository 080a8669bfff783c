"""MobileNetV2 on MindSpore and on TinyMS: two estimators with one interface.

The adapters of the backends save, load and set weights; what is left is to
make a model and to turn images into batches.
"""

import numpy as np
from dataset import CLASSES, batches
from sedna.backend.mindspore.model import MindSporeModelEstimator
from sedna.backend.tinyms import TinyMSModelEstimator
from sedna.common.config import Context

LEARNING_RATE = float(Context.get_parameters("learning_rate", "0.001"))


class ImageClassifier:
    """Trains and evaluates on an index, predicts probabilities of images."""

    def train(self, train_data, valid_data=None, *, epochs=1, batch_size=8):
        """Train; return the metrics on ``valid_data``, if given."""
        data = batches(train_data, batch_size, training=True)
        super().train(data, epochs=epochs)
        return self.evaluate(valid_data) if valid_data else {}

    def evaluate(self, data, *, batch_size=8):
        """Return ``{"accuracy": [value]}``: the trigger indexes the list."""
        return super().evaluate(batches(data, batch_size))

    def predict(self, data):
        """Turn images (N, 3, S, S) into probabilities, N lists of floats."""
        logits = super().predict(data)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return (shares / shares.sum(axis=1, keepdims=True)).tolist()


class MindSporeEstimator(ImageClassifier, MindSporeModelEstimator):
    """The network of network.py under mindspore.Model."""

    def __init__(self):
        """Make it untrained."""
        import mindspore
        from mindspore import nn
        from mindspore.train import Accuracy
        from network import mobilenetv2

        mindspore.set_context(mode=mindspore.GRAPH_MODE)
        network = mobilenetv2(len(CLASSES))
        model = mindspore.Model(
            network,
            loss_fn=nn.CrossEntropyLoss(label_smoothing=0.1),
            optimizer=nn.Adam(network.trainable_params(), LEARNING_RATE),
            metrics={"accuracy": Accuracy()},
        )
        super().__init__(model)


class TinyMSEstimator(ImageClassifier, TinyMSModelEstimator):
    """TinyMS's own network under tinyms.model.Model."""

    def __init__(self):
        """Make it untrained."""
        from tinyms import context, losses, metrics, optimizers
        from tinyms.model import MobileNetV2, Model

        context.set_context(mode=context.GRAPH_MODE)
        network = MobileNetV2(class_num=len(CLASSES))
        model = Model(network)
        model.compile(
            loss_fn=losses.CrossEntropyWithLabelSmooth(
                smooth_factor=0.1, num_classes=len(CLASSES)
            ),
            optimizer=optimizers.Adam(
                network.trainable_params(), LEARNING_RATE
            ),
            metrics={"accuracy": metrics.Accuracy()},
        )
        super().__init__(model)


Estimator = {"MINDSPORE": MindSporeEstimator, "TINYMS": TinyMSEstimator}[
    Context.get_parameters("BACKEND_TYPE")
]
"""The one that BACKEND_TYPE asks for."""
