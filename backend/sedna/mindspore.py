"""The MindSpore backend: Sedna's MSBackend, finished."""

from typing import Any, ClassVar

from backend.mindspore.runtime import prepare_mindspore
from backend.sedna.bare_model import MindSporeModelEstimator
from backend.sedna.base import BackendBase

__all__ = ["MindSporeBackend"]


class MindSporeBackend(BackendBase):
    """Estimators on MindSpore; also takes a bare ``mindspore.Model``.

    The execution mode is the estimator's own choice.
    """

    framework: ClassVar[str] = "mindspore"
    suffix: ClassVar[str] = ".ckpt"

    def _prepare(self, estimator: Any) -> Any:
        if hasattr(estimator, "device"):
            # It imports MindSpore when it needs it: an ONNX model needs none.
            estimator.device = self.device
            return estimator
        self._prepare_framework()
        made = super()._prepare(estimator)
        if hasattr(made, "device"):
            made.device = self.device
        return self._adapt(made)

    def _prepare_framework(self) -> None:
        """Import the framework, for what has not done so itself."""
        prepare_mindspore(self.device)

    def _adapt(self, estimator: Any) -> Any:
        """Wrap what has a framework's method names instead of an estimator's."""
        import mindspore  # noqa: PLC0415

        if isinstance(estimator, mindspore.Model):
            return MindSporeModelEstimator(estimator)
        return estimator
