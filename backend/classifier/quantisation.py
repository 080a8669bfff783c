"""A classifier in int8, which answers faster than in float32 and nearly always the same.

Static quantisation: Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", CVPR 2018. Each output channel has a scale of its own
(Krishnamoorthi, arXiv:1806.08342): with one for a whole depthwise layer a network only guesses.
"""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.classifier.engines import OnnxEngine
from backend.errors import MissingPackageError
from backend.images.decoding import InputBatch, input_batches
from backend.images.preprocessing import InputFormat, LabelledImages
from backend.metrics import Metrics

__all__ = ["Quantised", "balanced", "int8_model", "quantised"]

_CALIBRATED = 128
_JUDGED = 256
_BATCH_SIZE = 16
_MOST_LOST = 0.005
_OPSET = 17  # scales by channel need 13

_log = logging.getLogger(__name__)


class Quantised(NamedTuple):
    """What is served in int8's place."""

    model: bytes
    """ONNX: the int8 model, or the float one if that loses too much."""
    metrics: Metrics
    """``int8_accuracy_delta`` and ``int8_fallback``, one value each."""


def quantised(
    model: bytes, images: LabelledImages, input_format: InputFormat, seed: int = 0
) -> Quantised:
    """Return ``model`` in int8, or as it is if int8 costs more than half a point of accuracy.

    Both are judged on 256 of the images at most, drawn from the classes in turn; the first 128
    of them set the scales. With fewer than 200 images not one more may be wrong.

    Args:
        model: ONNX, float32, from ``images`` (batch, channels, S, S) to logits (batch, C).
        images: At least one, with class numbers 0 to C - 1.
        input_format: What it takes.
        seed: Of the draw.

    Raises:
        ImageError: If an image cannot be read.
        MissingPackageError: If ONNX Runtime's tools for quantisation are not installed.
    """
    drawn = balanced(images.y, seed)[:_JUDGED]
    sources = [images.x[position] for position in drawn]
    labels = np.array([images.y[position] for position in drawn])
    # One by one: to calibrate, ONNX Runtime keeps every layer's activations, 60 MB an image.
    candidate = int8_model(model, input_batches(sources[:_CALIBRATED], input_format, 1))
    engines = OnnxEngine(candidate, "the int8 model"), OnnxEngine(model, "the float model")
    hits = np.zeros(2, np.int64)
    for batch in input_batches(sources, input_format, _BATCH_SIZE):
        truth = labels[batch.positions]
        hits += [int((engine.run(batch.inputs).argmax(1) == truth).sum()) for engine in engines]
    delta = float(hits[0] - hits[1]) / len(drawn)
    is_fallback = delta < -_MOST_LOST
    _tell(delta, len(drawn), is_fallback=is_fallback)
    metrics = {"int8_accuracy_delta": [delta], "int8_fallback": [float(is_fallback)]}
    return Quantised(model if is_fallback else candidate, metrics)


def int8_model(model: bytes, batches: Iterator[InputBatch]) -> bytes:
    """Return a float32 ONNX model in int8, with the ranges that its layers have on ``batches``.

    Weights are int8 by output channel, activations uint8 by layer between their least and greatest
    value. Except in depthwise layers, weights use 7 bits: with 8 the sums overflow on CPUs without
    VNNI, where ONNX Runtime adds pairs of products in 16 bits, and the node that serves may have
    one, whatever trained. Raises MissingPackageError as `quantised` does.
    """
    try:
        from onnx import load, load_from_string, version_converter  # noqa: PLC0415 - may be missing
        from onnxruntime.quantization import QuantType, quantize_static  # noqa: PLC0415
        from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"A model in int8 needs the packages onnx and onnxruntime, whole ({error.name} is "
            "missing): install requirements/train.txt, or leave int8 out of model_formats."
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        prepared, written = Path(folder, "prepared.onnx"), Path(folder, "int8.onnx")
        converted = version_converter.convert_version(load_from_string(model), _OPSET)
        # Takes the normalisation into the convolutions, which then have one range instead of two.
        quant_pre_process(converted, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            written,
            _Calibration(converted.graph.input[0].name, batches),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            reduce_range=True,
            extra_options={
                "TensorQuantOverrides": {
                    weight: [{"quant_type": QuantType.QInt8, "axis": 0, "reduce_range": False}]
                    for weight in _depthwise_weights(load(prepared))
                }
            },
        )
        return written.read_bytes()


def _depthwise_weights(model: Any) -> list[str]:
    """Return the names of the weights of a model's convolutions in groups of one channel."""
    groups = {
        node.input[1]: each.i
        for node in model.graph.node
        for each in node.attribute
        if node.op_type == "Conv" and each.name == "group"
    }
    return [weight for weight, count in groups.items() if count > 1]


def balanced(labels: Sequence[int], seed: int) -> list[int]:
    """Return all positions, shuffled, the classes in turn until they run out."""
    order = np.random.default_rng(seed).permutation(len(labels)).tolist()
    classes = [[at for at in order if labels[at] == label] for label in sorted(set(labels))]
    return [at for at in chain.from_iterable(zip_longest(*classes)) if at is not None]


class _Calibration:
    """Feeds batches to ONNX Runtime, as its CalibrationDataReader does."""

    def __init__(self, name: str, batches: Iterator[InputBatch]) -> None:
        self._name = name
        self._batches = batches

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next batch by the input's name, or None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {self._name: batch.inputs}


def _tell(delta: float, count: int, *, is_fallback: bool) -> None:
    level = logging.WARNING if is_fallback else logging.INFO
    _log.log(
        level,
        "int8 changes the accuracy on %s training images by %s points: %s",
        count,
        f"{delta * 100:+.1f}",
        "the float model takes its place" if is_fallback else "it is kept",
    )
