"""Classifiers on TinyMS: its networks, `Model`, losses, optimizers, data and transforms."""

from backend.classifier.estimator import Classifier
from backend.classifier.toolkit import Cell, Model, Toolkit
from backend.mindspore import tinyms_compat
from backend.mindspore.runtime import Device, prepare_mindspore
from backend.networks import Network

__all__ = ["TinyMSClassifier"]


class TinyMSClassifier(Classifier):
    """The estimator on TinyMS."""

    @staticmethod
    def _load_toolkit(device: Device) -> Toolkit:
        prepare_mindspore(device)
        tinyms_compat.install()
        # Only now: serving imports no framework, and this one had to be prepared.
        import tinyms.model  # noqa: PLC0415
        from tinyms import context, data, losses, optimizers, vision  # noqa: PLC0415

        context.set_context(mode=context.GRAPH_MODE)

        def network(network: Network, class_count: int) -> Cell:
            return network.build(class_count)

        def loss() -> Cell:
            return losses.SoftmaxCrossEntropyWithLogits(reduction="mean")

        def model(network: Cell, loss: Cell | None, optimizer: Cell | None) -> Model:
            built = tinyms.model.Model(network)
            if loss is not None:
                built.compile(loss_fn=loss, optimizer=optimizer)
            return built

        return Toolkit(network, loss, model, optimizers, vision, data.GeneratorDataset)
