"""A bare ``mindspore.Model`` with the methods of an estimator."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.classifier.metrics import Metrics
from backend.errors import ModelFileError
from backend.files import replaced_atomically
from backend.models.parameters import get_weights, parameter_shapes, set_weights
from backend.models.weights import Weights, read_weights

__all__ = ["MindSporeModelEstimator"]


class MindSporeModelEstimator:
    """Gives a bare ``mindspore.Model`` the methods of an estimator.

    Data are MindSpore datasets; `predict` takes an array.
    """

    def __init__(self, model: Any) -> None:
        """Wrap a model that was made with the losses, optimizers and metrics it needs."""
        self.model = model

    def train(
        self,
        train_data: Any,
        valid_data: Any = None,
        *,
        epochs: int = 1,
        callbacks: Sequence[Any] | None = None,
    ) -> Metrics:
        """Train for ``epochs``; return the metrics on ``valid_data``, if given."""
        self.model.train(epochs, train_data, callbacks=callbacks, dataset_sink_mode=False)
        return {} if valid_data is None else self.evaluate(valid_data)

    def evaluate(self, data: Any) -> Metrics:
        """Return the model's own metrics, each as a list, as Sedna's triggers need them."""
        metrics = self.model.eval(data, dataset_sink_mode=False)
        return {name: np.ravel(value).astype(float).tolist() for name, value in metrics.items()}

    def predict(self, data: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's outputs for a batch of inputs."""
        from mindspore import Tensor  # noqa: PLC0415

        outputs: NDArray[np.float32] = self.model.predict(Tensor(data)).asnumpy()
        return outputs

    def save(self, model_url: str) -> str:
        """Write the weights to a checkpoint, whole or not at all."""
        with replaced_atomically(Path(model_url)) as temporary:
            self._save_checkpoint(str(temporary))
        return model_url

    def load(self, model_url: str) -> None:
        """Read the weights from a checkpoint; an optimizer's state in it is passed over.

        Raises ModelFileError, and changes nothing, if there is none or it is of another network.
        """
        weights, _ = read_weights(Path(model_url))
        shapes = parameter_shapes(self._network)
        try:
            self.set_weights({name: weights[name] for name in weights if name in shapes})
        except ModelFileError as error:
            raise ModelFileError(f"{model_url}: {error}") from None

    def get_weights(self) -> Weights:
        """Return a copy of every parameter by name."""
        return get_weights(self._network)

    def set_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Replace every parameter, or none."""
        set_weights(self._network, weights)

    @property
    def _network(self) -> Any:
        return self.model.predict_network

    def _save_checkpoint(self, path: str) -> None:
        import mindspore  # noqa: PLC0415

        mindspore.save_checkpoint(self._network, path)
