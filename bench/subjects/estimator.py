"""The estimator: training, evaluation, inference, and models for other measurements."""

import os
import time
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from backend.classifier import TinyMSClassifier
from backend.images.preprocessing import LabelledImages
from backend.mindspore.runtime import Device, prepare_mindspore
from backend.networks.mobilenetv2 import MOBILENETV2
from bench.answering import Values, answer, median_ms
from bench.dataset import CLASS_NAMES, INPUT_SIZE, in_class_folders, in_index

_HEAD_EPOCHS = 5


def evaluation(index: str, model: str) -> Values:
    """Evaluate a model file, decoding included; loading it does not count."""
    images = LabelledImages(*in_index(index))
    estimator = _loaded(model)
    estimator.evaluate(LabelledImages(images.x[:8], images.y[:8]))
    began = time.perf_counter()
    estimator.evaluate(images)
    return {"images_per_second": len(images.x) / (time.perf_counter() - began)}


def full_fine_tuning(index: str, epochs: int, batch_size: int) -> Values:
    """Train on an index whose length is a multiple of the batch size; the first epoch compiles."""
    images = LabelledImages(*in_index(index))
    estimator = TinyMSClassifier(CLASS_NAMES, INPUT_SIZE)
    metrics = estimator.train(images, epochs=epochs, batch_size=batch_size, fine_tune="full")
    seconds = metrics["seconds"]
    return {"images_per_second": len(images.x) / median(seconds[1:]), "first_epoch": seconds[0]}


def training_steps(batch_size: int, steps: int) -> Values:
    """Train every weight on one batch in memory; the first two steps compile and warm up."""
    prepare_mindspore(Device.CPU)
    import mindspore  # noqa: PLC0415 - it had to be prepared
    from mindspore import nn  # noqa: PLC0415

    from backend.classifier.batches import smoothed_targets  # noqa: PLC0415
    from backend.mindspore.kernels.replacement import fast_training  # noqa: PLC0415

    mindspore.set_context(mode=mindspore.GRAPH_MODE)
    network = MOBILENETV2.build(len(CLASS_NAMES))
    loss = nn.WithLossCell(network, nn.SoftmaxCrossEntropyWithLogits(reduction="mean"))
    step = nn.TrainOneStepCell(loss, nn.Adam(network.trainable_params(), learning_rate=1e-3))
    step.set_train()
    chance = np.random.default_rng(0)
    images = chance.normal(size=(batch_size, 3, INPUT_SIZE, INPUT_SIZE)).astype(np.float32)
    labels = [sample % len(CLASS_NAMES) for sample in range(batch_size)]
    targets = smoothed_targets(labels, len(CLASS_NAMES), 0.1)
    batch = mindspore.Tensor(images), mindspore.Tensor(targets)
    with fast_training(network):
        milliseconds = median_ms(lambda: step(*batch).asnumpy(), steps, warm_up=2)
    return {"images_per_second": batch_size / milliseconds * 1000}


def make_backbone(folder: str, weights: str) -> Values:
    """Write ``backbone.onnx``, which has the output ``features``, from published weights."""
    _loaded(weights).save(Path(folder) / "backbone.onnx")
    return {}


def head_to_accuracy(weights: str, photos: str, seed: int) -> Values:
    """Load published weights, train the head, save it in ONNX as a round does, and judge that."""
    estimator = TinyMSClassifier(CLASS_NAMES, INPUT_SIZE, seed=seed)
    estimator.load(weights)
    samples = LabelledImages(*in_class_folders(f"{photos}/train"))
    estimator.train(samples, epochs=_HEAD_EPOCHS, fine_tune="head", seed=seed)
    with TemporaryDirectory() as folder:
        estimator.load(estimator.save(Path(folder) / "model.onnx"))
        return {"accuracy": _accuracy(estimator, photos), "epochs": _HEAD_EPOCHS}


def inference(model: str, requests: int) -> Values:
    """Run a model file on one preprocessed input."""
    return {"one_ms": _one_ms(_loaded(model), requests)}


def one_format(model: str, photos: str, threads: int, requests: int) -> Values:
    """Run a model file on as many cores as there are to be threads, and judge photographs."""
    os.sched_setaffinity(0, set(islice(os.sched_getaffinity(0), threads)))
    estimator = _loaded(model)
    return {"one_ms": _one_ms(estimator, requests), "accuracy": _accuracy(estimator, photos)}


def make_int8(folder: str, weights: str, photos: str) -> Values:
    """Train a head on photographs; write ``model.onnx`` and ``model.int8.onnx``."""
    estimator = _loaded(weights)
    images = LabelledImages(*in_class_folders(f"{photos}/train"))
    metrics = estimator.train(images, epochs=_HEAD_EPOCHS, fine_tune="head", quantise=True)
    for name in ("model.onnx", "model.int8.onnx"):
        estimator.save(Path(folder) / name)
    return {"fallback": metrics["int8_fallback"][0]}


def make_model(folder: str, input_size: int) -> Values:
    """Write an untrained model, ``model.ckpt`` and ``model.onnx``."""
    estimator = TinyMSClassifier(CLASS_NAMES, input_size)
    for suffix in ("ckpt", "onnx"):
        estimator.save(Path(folder) / f"model.{suffix}")
    return {}


def _loaded(model: str) -> TinyMSClassifier:
    estimator = TinyMSClassifier(CLASS_NAMES, INPUT_SIZE)
    estimator.load(model)
    return estimator


def _one_ms(estimator: TinyMSClassifier, requests: int) -> float:
    image = np.zeros((1, 3, INPUT_SIZE, INPUT_SIZE), np.float32)
    return median_ms(lambda: estimator.probabilities(image), requests)


def _accuracy(estimator: TinyMSClassifier, photos: str) -> float:
    photographs = LabelledImages(*in_class_folders(f"{photos}/eval"))
    return float(estimator.evaluate(photographs)["accuracy"][0])


if __name__ == "__main__":
    answer(
        evaluation,
        full_fine_tuning,
        head_to_accuracy,
        inference,
        make_backbone,
        one_format,
        make_int8,
        make_model,
        training_steps,
    )
