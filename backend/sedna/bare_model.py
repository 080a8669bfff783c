"""A bare ``mindspore.Model`` with the methods of an estimator."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.files import replaced_atomically
from backend.metrics import Metrics
from backend.models.layouts import to_layout
from backend.models.parameters import get_weights, parameter_shapes, set_weights
from backend.models.weights import Weights, read_weights

__all__ = ["MindSporeModelEstimator"]


class MindSporeModelEstimator:
    """Gives a bare ``mindspore.Model`` the methods of an estimator.

    Data are MindSpore datasets, or Sedna's data sources: ``x`` is an array or a table of
    numbers (N, ...), ``y`` holds the N class numbers.
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
        batch_size: int = 16,
        callbacks: Sequence[Any] | None = None,
    ) -> Metrics:
        """Train for ``epochs``; return the metrics on ``valid_data``, if given.

        ``batch_size`` is for a data source; a dataset has its own.
        """
        dataset = _dataset(train_data, batch_size, shuffle=True)
        self.model.train(epochs, dataset, callbacks=callbacks, dataset_sink_mode=False)
        return {} if valid_data is None else self.evaluate(valid_data)

    def evaluate(self, data: Any) -> Metrics:
        """Return the model's own metrics, each as a list, as Sedna's triggers need them."""
        metrics = self.model.eval(_dataset(data), dataset_sink_mode=False)
        return {name: np.ravel(value).astype(float).tolist() for name, value in metrics.items()}

    def predict(self, data: Any) -> Any:
        """Return the network's outputs for a batch of inputs: lists for lists, or else an array."""
        from mindspore import Tensor  # noqa: PLC0415

        inputs = Tensor(np.asarray(data, np.float32))
        outputs = self.model.predict(inputs).asnumpy()
        return outputs.tolist() if isinstance(data, list) else outputs

    def save(self, model_url: str) -> str:
        """Write the weights to a checkpoint of any name atomically."""
        with replaced_atomically(Path(model_url)) as temporary:
            # MindSpore would add the suffix to a name that lacks it.
            written = temporary.with_suffix(".ckpt")
            self._save_checkpoint(str(written))
            written.replace(temporary)
        return model_url

    def load(self, model_url: str) -> None:
        """Read the weights from a file of any format and layout that `backend.models` knows.

        Raises ModelFileError, and changes nothing, if there is none or it is of another network.
        """
        weights, _ = read_weights(Path(model_url))
        shapes = parameter_shapes(self._network)
        self.set_weights(to_layout(weights, shapes, head=None, origin=model_url))

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


def _dataset(data: Any, batch_size: int = 16, *, shuffle: bool = False) -> Any:
    """Return the dataset of a data source; a dataset is returned as it is."""
    if not hasattr(data, "y"):
        return data
    from mindspore.dataset import NumpySlicesDataset  # noqa: PLC0415

    columns = (np.asarray(data.x, np.float32), np.asarray(data.y, np.int32))
    return NumpySlicesDataset(columns, ["x", "y"], shuffle=shuffle).batch(batch_size)
