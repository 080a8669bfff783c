"""The TinyMS backend."""

from typing import Any, ClassVar

from backend import tinyms_compat
from backend.mindspore import MindSporeBackend, MindSporeModelEstimator
from backend.mindspore_runtime import prepare_mindspore

__all__ = ["TinyMSBackend", "TinyMSModelEstimator"]


class TinyMSModelEstimator(MindSporeModelEstimator):
    """Gives a bare, compiled ``tinyms.model.Model`` the methods of an estimator."""

    def save(self, model_url: str) -> str:
        """Write the weights to a checkpoint."""
        self.model.save_checkpoint(model_url)
        return model_url


class TinyMSBackend(MindSporeBackend):
    """Estimators on TinyMS; also takes a bare, compiled ``tinyms.model.Model``.

    TinyMS's ``Model`` is made first and compiled later, saves and exports itself, and is
    evaluated with ``eval``: an adapter gives it an estimator's methods.
    """

    framework: ClassVar[str] = "tinyms"

    def _prepare(self, estimator: Any) -> Any:
        if not hasattr(estimator, "device"):
            prepare_mindspore(self.device)
            tinyms_compat.install()
        return super()._prepare(estimator)

    def _adapt(self, estimator: Any) -> Any:
        from tinyms.model import Model  # noqa: PLC0415

        return (
            TinyMSModelEstimator(estimator)
            if isinstance(estimator, Model)
            else super()._adapt(estimator)
        )
