"""Classifiers on MindSpore alone: the same estimator without TinyMS."""

from backend.classifier.estimator import Classifier
from backend.classifier.toolkit import Cell, Model, Toolkit
from backend.mindspore.runtime import Device, prepare_mindspore
from backend.networks import Network

__all__ = ["MindSporeClassifier"]


class MindSporeClassifier(Classifier):
    """The estimator on MindSpore."""

    @staticmethod
    def _load_toolkit(device: Device) -> Toolkit:
        prepare_mindspore(device)
        # Only now: serving imports no framework, and this one had to be prepared.
        import mindspore  # noqa: PLC0415
        from mindspore import nn  # noqa: PLC0415
        from mindspore.dataset import GeneratorDataset, vision  # noqa: PLC0415

        mindspore.set_context(mode=mindspore.GRAPH_MODE)

        def network(network: Network, class_count: int) -> Cell:
            return (network.build_on_mindspore or network.build)(class_count)

        def loss() -> Cell:
            return nn.SoftmaxCrossEntropyWithLogits(reduction="mean")

        def model(network: Cell, loss: Cell | None, optimizer: Cell | None) -> Model:
            return mindspore.Model(network, loss_fn=loss, optimizer=optimizer)

        return Toolkit(network, loss, model, nn, vision, GeneratorDataset)
