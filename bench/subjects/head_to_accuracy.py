"""Seconds from nothing to a head that is accurate enough, on photographs."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from backend.classifier import TinyMSMobileNetV2
from backend.images.preprocessing import LabelledImages
from bench.answering import answer
from bench.dataset import CLASS_NAMES, INPUT_SIZE, in_class_folders

_EPOCHS = 5


def train(weights: str, photos: str, seed: int) -> Mapping[str, float]:
    """Load published weights, train the head, save it in ONNX as a round does, and judge that."""
    estimator = TinyMSMobileNetV2(CLASS_NAMES, INPUT_SIZE, seed=seed)
    estimator.load(weights)
    samples = LabelledImages(*in_class_folders(f"{photos}/train"))
    estimator.train(samples, epochs=_EPOCHS, fine_tune="head", seed=seed)
    with TemporaryDirectory() as folder:
        estimator.load(estimator.save(Path(folder) / "model.onnx"))
        metrics = estimator.evaluate(LabelledImages(*in_class_folders(f"{photos}/eval")))
    return {"accuracy": metrics["accuracy"][0], "epochs": _EPOCHS}


if __name__ == "__main__":
    answer(train)
