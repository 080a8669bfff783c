"""Ways to run a trained network: ONNX Runtime, or the framework that trained it."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock, Thread
from time import monotonic, sleep
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backend.classifier.toolkit import Cell, Toolkit
from backend.errors import MissingPackageError, ModelFileError
from backend.models.onnx_values import FEATURES

__all__ = ["Engine", "NetworkEngine", "OnnxEngine", "TimeLimit"]

Array = NDArray[np.float32]

_SPIN_MICROSECONDS = "100"
_MOST_SECONDS = 20.0
"""For one image: a model with an endless loop would keep its thread for good."""
_NOWHERE = "/dev/null"
_FATAL = 4  # the lowest level of ONNX Runtime's log that is shown

# ONNX Runtime reads it when imported, and would write a device's id and events to ~/.cache.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


class Engine(Protocol):
    """Turns inputs into logits or features; threads may share it."""

    def run(self, batch: Array) -> Array:
        """Take inputs (N, C, S, S) and return outputs (N, K), both float32."""
        ...

    def run_with_features(self, batch: Array) -> tuple[Array, Array]:
        """Return the features (N, F) too, from the same run; F is 0 if they are not an output."""
        ...


class OnnxEngine:
    """ONNX Runtime on the CPU: about five times faster to answer than MindSpore.

    One image alone has all cores, which is the fastest answer. Several go through the network
    side by side, each on a core of its own, which is the most a second: no core waits for another
    within a layer, and an image's activations stay in its caches.
    """

    def __init__(self, payload: bytes, origin: str) -> None:
        """Load an ONNX model; ``origin`` names it in errors.

        Raises ModelFileError if ONNX Runtime refuses the model.
        """
        cores = len(os.sched_getaffinity(0))
        self._origin = origin
        self._on_all_cores = _session(payload, origin, cores)
        self._on_one_core = self._on_all_cores if cores == 1 else _session(payload, origin, 1)
        self._cores = ThreadPoolExecutor(cores, thread_name_prefix="network")
        self._input = self._on_all_cores.get_inputs()[0].name
        first, *others = (each.name for each in self._on_all_cores.get_outputs())
        self._outputs = [first, *(name for name in others if name == FEATURES)]
        self._counting = Lock()
        self._batches = 0

    @property
    def input_size(self) -> int | None:
        """S, the side of the square input in pixels, or None if it takes any."""
        side = self._on_all_cores.get_inputs()[0].shape[-1]
        return side if isinstance(side, int) else None

    @property
    def output_size(self) -> int:
        """K, the number of outputs for each input."""
        return int(self._on_all_cores.get_outputs()[0].shape[-1])

    def run(self, batch: Array) -> Array:
        """Take inputs (N, C, S, S) and return the model's first output (N, K), both float32."""
        return self.run_with_features(batch)[0]

    def run_with_features(self, batch: Array) -> tuple[Array, Array]:
        """Do what `run` does, and return the output ``features`` (N, F) too; without it F is 0."""
        with self._counted() as is_alone:
            if is_alone and len(batch) == 1:
                return self._run(self._on_all_cores, batch)
            parts = list(self._cores.map(self._run_on_one_core, np.split(batch, len(batch))))
        outputs, features = zip(*parts, strict=True)
        return np.concatenate(outputs), np.concatenate(features)

    def _run_on_one_core(self, image: Array) -> tuple[Array, Array]:
        return self._run(self._on_one_core, image)

    def _run(self, session: Any, batch: Array) -> tuple[Array, Array]:
        with _limit.running() as options:
            try:
                outputs = session.run(self._outputs, {self._input: batch}, options)
            except Exception as error:
                reason = "it takes too long" if options.terminate else _first_line(error)
                raise ModelFileError(
                    f"{self._origin}: ONNX Runtime cannot run the model ({reason}): use another."
                ) from error
        features = outputs[1] if len(outputs) > 1 else np.empty((len(batch), 0), np.float32)
        return outputs[0], features

    @contextmanager
    def _counted(self) -> Iterator[bool]:
        """Count a batch while it runs; say whether it is the only one."""
        with self._counting:
            self._batches += 1
            is_alone = self._batches == 1
        try:
            yield is_alone
        finally:
            with self._counting:
                self._batches -= 1


class NetworkEngine:
    """A network in the framework that trained it, on the framework's device."""

    def __init__(self, toolkit: Toolkit, network: Cell) -> None:
        """Run ``network`` through the toolkit's ``Model``."""
        network.set_train(False)
        self._model = toolkit.model(network, None, None)
        self._compiled_size = 0
        self._running = Lock()

    def run(self, batch: Array) -> Array:
        """Take inputs (N, C, S, S) and return outputs (N, K), both float32."""
        import mindspore  # noqa: PLC0415 - serving needs none

        with self._running:
            count = len(batch)
            if count < self._compiled_size:
                # Another shape would compile the graph again, which takes seconds.
                missing = self._compiled_size - count
                batch = np.pad(batch, ((0, missing), (0, 0), (0, 0), (0, 0)))
            self._compiled_size = len(batch)
            outputs: Array = self._model.predict(mindspore.Tensor(batch)).asnumpy()
        return outputs[:count]

    def run_with_features(self, batch: Array) -> tuple[Array, Array]:
        """Do what `run` does, without features."""
        return self.run(batch), np.empty((len(batch), 0), np.float32)


def _session(payload: bytes, origin: str, threads: int) -> Any:
    try:
        import onnxruntime  # noqa: PLC0415 - other formats need none
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"{origin}: an .onnx model needs the package onnxruntime."
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Spinning between two operators saves waking the threads. By default they go on for tens
    # of milliseconds after the last, and would take the cores from a training worker.
    options.add_session_config_entry("session.intra_op.spin_duration_us", _SPIN_MICROSECONDS)
    options.log_severity_level = _FATAL
    # The digest does not cover weights in another file.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", _NOWHERE
    )
    try:
        return onnxruntime.InferenceSession(payload, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # ONNX Runtime's exceptions share no base class of their own.
        raise ModelFileError(
            f"{origin}: ONNX Runtime cannot load the model ({_first_line(error)})."
        ) from error


class TimeLimit:
    """Ends runs of ONNX Runtime that take too long, from one thread for all."""

    def __init__(self, seconds: float) -> None:
        """Allow each run so many seconds."""
        self._seconds = seconds
        self._ends: dict[Any, float] = {}
        self._starting = Lock()
        self._thread: Thread | None = None

    @contextmanager
    def running(self) -> Iterator[Any]:
        """Yield the options of a run, which it obeys between two operators."""
        import onnxruntime  # noqa: PLC0415 - other formats need none

        options = onnxruntime.RunOptions()
        options.log_severity_level = _FATAL
        with self._starting:
            if self._thread is None:
                self._thread = Thread(target=self._watch, name="time-limit", daemon=True)
                self._thread.start()
        self._ends[options] = monotonic() + self._seconds
        try:
            yield options
        finally:
            del self._ends[options]

    def _watch(self) -> None:
        while True:
            sleep(self._seconds / 20)
            for options, end in list(self._ends.items()):
                if monotonic() > end:
                    options.terminate = True


_limit = TimeLimit(_MOST_SECONDS)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
