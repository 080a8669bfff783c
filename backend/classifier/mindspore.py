"""MobileNetV2 on MindSpore alone: the same estimator without TinyMS."""

from backend.classifier.estimator import MobileNetV2Estimator
from backend.classifier.toolkit import Cell, Model, Toolkit
from backend.mindspore.runtime import Device, prepare_mindspore

__all__ = ["MindSporeMobileNetV2"]


class MindSporeMobileNetV2(MobileNetV2Estimator):
    """The estimator on MindSpore."""

    @staticmethod
    def _load_toolkit(device: Device) -> Toolkit:
        prepare_mindspore(device)
        # Only now: serving imports no framework, and this one had to be prepared.
        import mindspore  # noqa: PLC0415
        from mindspore import nn  # noqa: PLC0415
        from mindspore.dataset import GeneratorDataset, vision  # noqa: PLC0415

        from backend.networks.mobilenetv2.network import (  # noqa: PLC0415
            MobileNetV2,
            MobileNetV2Head,
            SmoothedCrossEntropy,
        )

        mindspore.set_context(mode=mindspore.GRAPH_MODE)

        def model(network: Cell, loss: Cell | None, optimizer: Cell | None) -> Model:
            return mindspore.Model(network, loss_fn=loss, optimizer=optimizer)

        return Toolkit(
            MobileNetV2, MobileNetV2Head, SmoothedCrossEntropy, model, nn, vision, GeneratorDataset
        )
