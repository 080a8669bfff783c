"""Trains a head on photographs and writes ``model.onnx`` and ``model.int8.onnx``."""

from collections.abc import Mapping
from pathlib import Path

from backend.classifier import TinyMSMobileNetV2
from backend.images.preprocessing import LabelledImages
from bench.answering import answer
from bench.dataset import CLASS_NAMES, INPUT_SIZE, in_class_folders

_EPOCHS = 5


def make_int8(folder: str, weights: str, photos: str) -> Mapping[str, float]:
    """Save the models into ``folder``."""
    estimator = TinyMSMobileNetV2(CLASS_NAMES, INPUT_SIZE)
    estimator.load(weights)
    images = LabelledImages(*in_class_folders(f"{photos}/train"))
    metrics = estimator.train(images, epochs=_EPOCHS, fine_tune="head", quantise=True)
    for name in ("model.onnx", "model.int8.onnx"):
        estimator.save(Path(folder) / name)
    return {"fallback": metrics["int8_fallback"][0]}


if __name__ == "__main__":
    answer(make_int8)
