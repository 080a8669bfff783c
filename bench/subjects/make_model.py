"""Writes an untrained model, as ``model.ckpt`` and ``model.onnx``."""

from collections.abc import Mapping
from pathlib import Path

from backend.classifier import TinyMSMobileNetV2
from bench.answering import answer
from bench.dataset import CLASS_NAMES


def make_model(folder: str, input_size: int) -> Mapping[str, float]:
    """Save the model into ``folder``."""
    estimator = TinyMSMobileNetV2(CLASS_NAMES, input_size)
    for suffix in ("ckpt", "onnx"):
        estimator.save(Path(folder) / f"model.{suffix}")
    return {}


if __name__ == "__main__":
    answer(make_model)
