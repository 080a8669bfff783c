"""Ways to run a trained network: ONNX Runtime, or the framework that trained it."""

import os
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backend.errors import MissingPackageError, ModelFileError
from backend.mobilenetv2.toolkit import Cell, Toolkit

__all__ = ["Engine", "NetworkEngine", "OnnxEngine"]

Array = NDArray[np.float32]

_SPIN_MICROSECONDS = "100"


class Engine(Protocol):
    """Turns inputs into logits or features."""

    def run(self, batch: Array) -> Array:
        """Take inputs (N, 3, S, S) and return outputs (N, K), both float32."""
        ...


class OnnxEngine:
    """ONNX Runtime on the CPU: about ten times faster to answer than MindSpore."""

    def __init__(self, payload: bytes, origin: str) -> None:
        """Load an ONNX model; ``origin`` names it in errors.

        Raises ModelFileError if ONNX Runtime refuses the model.
        """
        try:
            import onnxruntime  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise MissingPackageError(
                f"{origin}: an .onnx model needs the package onnxruntime."
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        # Spinning between two operators saves waking the threads. By default they go on for tens
        # of milliseconds after the last, and would take the cores from a training worker.
        options.add_session_config_entry("session.intra_op.spin_duration_us", _SPIN_MICROSECONDS)
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                payload, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            # ONNX Runtime's exceptions share no base class of their own.
            raise ModelFileError(
                f"{origin}: ONNX Runtime cannot load the model ({_first_line(error)})."
            ) from error
        self._input = self._session.get_inputs()[0].name

    @property
    def input_size(self) -> int | None:
        """S, the side of the square input in pixels, or None if it takes any."""
        side = self._session.get_inputs()[0].shape[-1]
        return side if isinstance(side, int) else None

    @property
    def output_size(self) -> int:
        """K, the number of outputs for each input."""
        return int(self._session.get_outputs()[0].shape[-1])

    def run(self, batch: Array) -> Array:
        """Take inputs (N, 3, S, S) and return outputs (N, K), both float32."""
        outputs: Array = self._session.run(None, {self._input: batch})[0]
        return outputs


class NetworkEngine:
    """A network in the framework that trained it, on the framework's device."""

    def __init__(self, toolkit: Toolkit, network: Cell) -> None:
        """Run ``network`` through the toolkit's ``Model``."""
        network.set_train(False)
        self._model = toolkit.model(network, None, None)
        self._compiled_size = 0

    def run(self, batch: Array) -> Array:
        """Take inputs (N, 3, S, S) and return outputs (N, K), both float32."""
        import mindspore  # noqa: PLC0415

        count = len(batch)
        if count < self._compiled_size:
            # Another shape would compile the graph again, which takes seconds.
            batch = np.pad(batch, ((0, self._compiled_size - count), (0, 0), (0, 0), (0, 0)))
        self._compiled_size = len(batch)
        outputs: Array = self._model.predict(mindspore.Tensor(batch)).asnumpy()
        return outputs[:count]


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
