"""Sedna's backend contract, with what its own base class leaves open filled in."""

from collections.abc import Sequence
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from backend.errors import ModelFileError
from backend.mindspore.runtime import Device
from backend.models.model_file import SUFFIXES, model_format

__all__ = ["BackendBase"]


class BackendBase:
    """Drives an estimator the way Sedna's `JobBase` and `IncrementalLearning` expect.

    An estimator has ``train``, ``evaluate``, ``predict``, ``save`` and ``load``; a class or
    another callable that returns one will do. Keyword arguments that the estimator's method
    does not take are left out, as Sedna does.
    """

    framework: ClassVar[str] = ""
    """Part of the default model name."""
    suffix: ClassVar[str] = ".pkl"
    """Of the default model name."""

    def __init__(self, estimator: Any, fine_tune: bool = True, **kwargs: Any) -> None:
        """Wrap ``estimator``.

        Args:
            estimator: An estimator, or a callable that makes one.
            fine_tune: Whether `train` starts from the weights at ``model_save_path``.
            kwargs: Sedna's own: ``model_save_path`` (a model file or folder, default
                ``/tmp``), ``model_name``, ``use_cuda``, ``use_npu``.
        """
        self.fine_tune = fine_tune
        self.use_cuda = bool(kwargs.get("use_cuda"))
        self.use_npu = bool(kwargs.get("use_npu"))
        self.model_save_path = str(kwargs.get("model_save_path") or "/tmp")  # noqa: S108 - Sedna's
        self.default_name: str | None = kwargs.get("model_name")
        self.has_load = False
        self.estimator = self._prepare(estimator)

    @property
    def device(self) -> Device:
        """Where the framework computes."""
        if self.use_npu:
            return Device.NPU
        return Device.GPU if self.use_cuda else Device.CPU

    @property
    def model_name(self) -> str:
        """The file name of models that are saved without one."""
        marker = "_finetune_" if self.fine_tune else ""
        return self.default_name or f"model{marker}{self.framework}{self.suffix}"

    @property
    def model_path(self) -> Path:
        """Where the weights are: ``model_save_path``, or ``model_name`` in that folder."""
        path = Path(self.model_save_path)
        is_file = path.is_file() or (path.suffix and not path.is_dir())
        return path if is_file else path / self.model_name

    def train(self, train_data: Any, valid_data: Any = None, **kwargs: Any) -> Any:
        """Train, from the weights at `model_path` if ``fine_tune`` and they exist."""
        if self.fine_tune:
            self.finetune()
        result = _call(self.estimator.train, train_data, valid_data=valid_data, **kwargs)
        self.has_load = True
        return result

    def finetune(self) -> None:
        """Load the weights that training starts from, if there are any."""
        if not self.has_load and self.model_path.is_file():
            self.load_weights()

    def predict(self, data: Any, **kwargs: Any) -> Any:
        """Predict; loads the model first if that has not happened.

        ``data`` that is nested lists comes from JSON, and the answer is made of what JSON has.
        """
        if not self.has_load:
            self.load()
        answer = _call(self.estimator.predict, data, **kwargs)
        is_json = isinstance(data, list) and any(isinstance(each, list) for each in data)
        return _plain(answer) if is_json else answer

    def evaluate(self, data: Any, model_path: str | None = None, **kwargs: Any) -> Any:
        """Evaluate the model at ``model_path``, which is read again, or else the present one."""
        if model_path:
            self.load(model_path)
        elif not self.has_load:
            self.load()
        return _call(self.estimator.evaluate, data, **kwargs)

    def save(self, model_url: str = "", model_name: str | None = None) -> str:
        """Save the model and return its path.

        Args:
            model_url: A file, or a folder for ``model_name``; empty for ``model_save_path``.
            model_name: File name in a folder; by default `model_name`.
        """
        target = Path(model_url or self.model_save_path)
        if not target.suffix:
            target /= model_name or self.model_name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix in {*SUFFIXES, self.suffix}:
            self.estimator.save(str(target))
        else:
            # Estimators go by the suffix, and Sedna's lifelong learning names models x.model.
            written = target.with_name(target.name + self.suffix)
            self.estimator.save(str(written))
            written.replace(target)
        return str(target)

    def load(self, model_url: str = "", model_name: str | None = None, **_: Any) -> None:
        """Load the model file ``model_url``, or ``model_name`` in that folder.

        Raises ModelFileError, from the estimator, if there is no usable file.
        """
        if model_url:
            self.model_save_path = model_url
        path = self.model_path if model_name is None else Path(self.model_save_path, model_name)
        self.estimator.load(str(path))
        self.has_load = True

    def load_weights(self) -> None:
        """Load the file at ``model_save_path``/``model_name``."""
        load = getattr(self.estimator, "load_weights", self.estimator.load)
        load(str(self.model_path))
        self.has_load = True

    def get_weights(self) -> list[Any]:
        """Return every parameter as nested lists of floats, in the order of their names.

        It is what Sedna's aggregation averages and sends as JSON.
        """
        weights = self.estimator.get_weights()
        return [np.asarray(weights[name]).tolist() for name in sorted(weights)]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace every parameter, or none, by what `get_weights` returns.

        Raises ModelFileError if the weights are of another network.
        """
        names = sorted(self.estimator.get_weights())
        try:
            arrays = [np.asarray(each, np.float32) for each in weights]
            named = dict(zip(names, arrays, strict=True))
        except ValueError as error:
            raise ModelFileError(
                f"The weights are of another network: {len(weights)} arrays for {len(names)} "
                f"parameters ({error})."
            ) from error
        self.estimator.set_weights(named)
        self.has_load = True

    def model_info(
        self, model: str, relpath: str | None = None, result: Any = None
    ) -> list[dict[str, Any]]:
        """Describe a model file as Sedna's messages do.

        Args:
            model: Its path.
            relpath: DATA_PATH_PREFIX, which is taken off the path.
            result: Its metrics, name to list of values.
        """
        url = model.removeprefix(relpath) if relpath else model
        return [{"format": model_format(model), "url": url, "metrics": result or {}}]

    def _prepare(self, estimator: Any) -> Any:
        """Make the estimator, if it is a callable that makes one."""
        return estimator() if callable(estimator) else estimator


def _call(method: Any, *args: Any, **kwargs: Any) -> Any:
    """Call ``method`` with the keyword arguments that it takes."""
    parameters = signature(method).parameters
    if not any(each.kind is Parameter.VAR_KEYWORD for each in parameters.values()):
        kwargs = {name: value for name, value in kwargs.items() if name in parameters}
    return method(*args, **kwargs)


def _plain(value: Any) -> Any:
    """Return ``value`` with arrays as lists, named tuples too."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
