"""The TinyMS backend."""

from typing import Any, ClassVar

from backend.mindspore import tinyms_compat
from backend.sedna.bare_model import MindSporeModelEstimator
from backend.sedna.mindspore import MindSporeBackend

__all__ = ["TinyMSBackend", "TinyMSModelEstimator"]


class TinyMSModelEstimator(MindSporeModelEstimator):
    """Gives a bare, compiled ``tinyms.model.Model`` the methods of an estimator."""

    def _save_checkpoint(self, path: str) -> None:
        self.model.save_checkpoint(path)


class TinyMSBackend(MindSporeBackend):
    """Estimators on TinyMS; also takes a bare, compiled ``tinyms.model.Model``.

    TinyMS's ``Model`` is made first and compiled later, saves and exports itself, and is
    evaluated with ``eval``: an adapter gives it an estimator's methods.
    """

    framework: ClassVar[str] = "tinyms"

    def _prepare_framework(self) -> None:
        super()._prepare_framework()
        tinyms_compat.install()

    def _adapt(self, estimator: Any) -> Any:
        from tinyms.model import Model  # noqa: PLC0415

        return (
            TinyMSModelEstimator(estimator)
            if isinstance(estimator, Model)
            else super()._adapt(estimator)
        )
