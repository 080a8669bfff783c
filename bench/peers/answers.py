"""What the model servers that are measured share: an ONNX Runtime session, and its answers."""

from collections.abc import Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from backend.images.preprocessing import InputFormat, preprocess_batch
from bench.dataset import INPUT_SIZE

__all__ = ["Session"]


class Session:
    """An ONNX file with one input and logits."""

    def __init__(self, model: str) -> None:
        """Open it on the CPU."""
        self._session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def of_tensors(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities (N, C) of preprocessed images."""
        logits = self._session.run(["logits"], {self._input: images})[0]
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: NDArray[np.float32] = shares / shares.sum(axis=1, keepdims=True)
        return probabilities

    def of_pictures(self, pictures: Sequence[bytes]) -> NDArray[np.float32]:
        """Return the probabilities (N, C) of encoded pictures."""
        return self.of_tensors(preprocess_batch(pictures, InputFormat(INPUT_SIZE)))
