"""Fine-tuning a MobileNetV2: what is trained, on which batches, at which rate.

Imports MindSpore: the toolkit prepares it before.
"""

import logging
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import mindspore
import numpy as np
from mindspore import nn
from mindspore.train import Callback
from numpy.typing import NDArray
from tqdm import tqdm

from backend.errors import ImageError, SettingsError
from backend.metrics import Metrics
from backend.mobilenetv2.engines import OnnxEngine
from backend.mobilenetv2.exporting import export_onnx
from backend.mobilenetv2.toolkit import Cell, Toolkit
from backend.preprocessing import (
    LabelledImages,
    normalise,
    open_image,
    preprocess_batch,
    resize_short_side,
)

__all__ = ["FineTune", "Plan", "fit", "learning_rates"]

FineTune = Literal["head", "full"] | int
"""What is trained: the classifier, the last N blocks and the classifier, or everything."""

_FEATURE_BATCH = 16

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """The hyperparameters of one training."""

    epochs: int
    """Passes over the samples, at least 1."""
    batch_size: int
    """Samples a step, at least 1; fewer when there are fewer samples."""
    learning_rate: float
    """The highest rate, reached after warm-up."""
    optimizer: Literal["adam", "momentum"]
    label_smoothing: float
    """Probability mass shared by all classes, 0 to 1 (Szegedy et al., CVPR 2016)."""
    warmup_epochs: float
    """Epochs in which the rate rises linearly from near 0."""
    fine_tune: FineTune
    seed: int

    def __post_init__(self) -> None:
        """Raise SettingsError for a value out of its range."""
        ranges = {
            "epochs": self.epochs >= 1,
            "batch_size": self.batch_size >= 1,
            "learning_rate": self.learning_rate > 0,
            "optimizer": self.optimizer in {"adam", "momentum"},
            "label_smoothing": 0 <= self.label_smoothing < 1,
            "warmup_epochs": self.warmup_epochs >= 0,
            "fine_tune": self.fine_tune in {"head", "full"}
            or (isinstance(self.fine_tune, int) and self.fine_tune >= 1),
        }
        for name, is_valid in ranges.items():
            if not is_valid:
                raise SettingsError(f"{name}={getattr(self, name)!r} is out of its range.")


def learning_rates(plan: Plan, steps_per_epoch: int) -> list[float]:
    """Return the rate of each step: linear warm-up, then a cosine down to 0.

    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017,
    without restarts.
    """
    total = plan.epochs * steps_per_epoch
    warmup = min(round(plan.warmup_epochs * steps_per_epoch), total - 1)
    rising = [plan.learning_rate * (step + 1) / (warmup + 1) for step in range(warmup)]
    falling = [
        plan.learning_rate * (1 + math.cos(math.pi * step / (total - warmup))) / 2
        for step in range(total - warmup)
    ]
    return rising + falling


def fit(
    toolkit: Toolkit,
    network: Cell,
    images: LabelledImages,
    *,
    class_count: int,
    input_size: int,
    plan: Plan,
) -> Metrics:
    """Train ``network`` in place; return each epoch's mean ``loss`` and its ``seconds``.

    Raises ImageError for a sample that is no image.
    """
    mindspore.set_seed(plan.seed)
    mindspore.dataset.config.set_seed(plan.seed)
    batch_size = min(plan.batch_size, len(images))
    if plan.fine_tune == "head":
        features = _features(network, images, input_size)
        source: _Source = _FeatureSource(features, images.y)
        operations: list[Any] = []
        trained = network.head
    else:
        source = _ImageSource(images, input_size)
        operations = _augmentations(toolkit.vision, input_size)
        trained = network
    _freeze(network, plan.fine_tune)
    dataset = _batches(toolkit, source, operations, batch_size)
    steps = len(images) // batch_size
    optimizer = _optimizer(toolkit, trained, plan, steps)
    model = toolkit.model(trained, toolkit.loss(class_count, plan.label_smoothing), optimizer)
    progress = _Progress(plan.epochs, steps)
    try:
        model.train(plan.epochs, dataset, callbacks=[progress], dataset_sink_mode=False)
    except RuntimeError:
        if source.unreadable:
            raise source.unreadable from None
        raise
    finally:
        network.set_train(False)
    return {"loss": progress.losses, "seconds": progress.seconds}


class _Source:
    """What MindSpore's GeneratorDataset asks for: ``len()`` and random access."""

    unreadable: ImageError | None = None
    """Why decoding stopped; MindSpore hands an exception on as text only."""

    def __init__(self, labels: Sequence[int]) -> None:
        self._labels = np.asarray(labels, dtype=np.int32)

    def __len__(self) -> int:
        return len(self._labels)


class _ImageSource(_Source):
    """Decodes each picture when its turn comes, so that memory does not grow with the data."""

    def __init__(self, images: LabelledImages, input_size: int) -> None:
        super().__init__(images.y)
        self._images = images.x
        self._input_size = input_size

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], np.int32]:
        try:
            image = open_image(self._images[index])
        except ImageError as error:
            self.unreadable = error
            raise
        return np.asarray(resize_short_side(image, self._input_size)), self._labels[index]


class _FeatureSource(_Source):
    def __init__(self, features: NDArray[np.float32], labels: Sequence[int]) -> None:
        super().__init__(labels)
        self._features = features

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], np.int32]:
        return self._features[index], self._labels[index]


class _PooledBackbone(nn.Cell):  # type: ignore[misc]
    """Inputs to features (N, 1280), as the head's own pooling makes them."""

    def __init__(self, network: Cell) -> None:
        super().__init__(auto_prefix=False)
        self.backbone = network.backbone
        self.pooling = network.head.head[0]

    def construct(self, images: mindspore.Tensor) -> mindspore.Tensor:
        return self.pooling(self.backbone(images))


def _features(network: Cell, images: LabelledImages, input_size: int) -> NDArray[np.float32]:
    """Run the frozen backbone once over every image, (N, 1280, 1, 1), in ONNX Runtime."""
    engine = OnnxEngine(export_onnx(_PooledBackbone(network), input_size), "the frozen backbone")
    batches = [
        engine.run(preprocess_batch(images.x[start : start + _FEATURE_BATCH], input_size))
        for start in range(0, len(images), _FEATURE_BATCH)
    ]
    return np.concatenate(batches)[:, :, np.newaxis, np.newaxis]


def _augmentations(vision: Any, input_size: int) -> list[Any]:
    return [
        vision.RandomResizedCrop(input_size, scale=(0.5, 1.0)),
        vision.RandomHorizontalFlip(),
        vision.RandomColorAdjust(brightness=0.2, contrast=0.2, saturation=0.2),
        normalise,
    ]


def _batches(toolkit: Toolkit, source: _Source, operations: list[Any], batch_size: int) -> Any:
    dataset = toolkit.generator_dataset(source, ["input", "label"], shuffle=True)
    if operations:
        # One worker: with more, the random operations are no longer the seed's.
        dataset = dataset.map(operations, input_columns=["input"], num_parallel_workers=1)
    # One shape: another would compile the graph again.
    return dataset.batch(batch_size, drop_remainder=True)


def _freeze(network: Cell, fine_tune: FineTune) -> None:
    blocks = list(network.backbone.backbone)
    trained = {"head": 0, "full": len(blocks)}.get(str(fine_tune), fine_tune)
    for position, block in enumerate(blocks):
        _set_trainable(block, position >= len(blocks) - int(trained))


def _set_trainable(block: Cell, trainable: bool) -> None:
    for parameter in block.trainable_params() if not trainable else block.get_parameters():
        parameter.requires_grad = trainable and "moving_" not in parameter.name
    for _, cell in block.cells_and_names():
        if isinstance(cell, nn.BatchNorm2d):
            # A frozen block keeps its statistics; None follows the training flag.
            cell.use_batch_statistics = None if trainable else False


def _optimizer(toolkit: Toolkit, trained: Cell, plan: Plan, steps_per_epoch: int) -> Cell:
    rates = learning_rates(plan, steps_per_epoch)
    parameters = trained.trainable_params()
    if plan.optimizer == "adam":
        return toolkit.optimizers.Adam(parameters, learning_rate=rates)
    return toolkit.optimizers.Momentum(parameters, learning_rate=rates, momentum=0.9)


class _Progress(Callback):  # type: ignore[misc]
    """A bar on a terminal, one log line an epoch elsewhere."""

    def __init__(self, epochs: int, steps: int) -> None:
        super().__init__()
        self.losses: list[float] = []
        self.seconds: list[float] = []
        self._epochs = epochs
        self._steps = steps
        self._epoch_losses: list[float] = []
        self._started = time.monotonic()
        self._bar = tqdm(
            total=epochs * steps, unit="step", disable=not sys.stderr.isatty(), leave=False
        )

    def on_train_epoch_begin(self, _: Any) -> None:
        self._epoch_losses = []
        self._started = time.monotonic()

    def on_train_step_end(self, run_context: Any) -> None:
        loss = run_context.original_args().net_outputs
        self._epoch_losses.append(float(loss.asnumpy().mean()))
        self._bar.update()
        self._bar.set_postfix(loss=f"{self._epoch_losses[-1]:.3f}", refresh=False)

    def on_train_epoch_end(self, _: Any) -> None:
        self.losses.append(float(np.mean(self._epoch_losses)))
        self.seconds.append(time.monotonic() - self._started)
        if self._bar.disable:
            _log.info(
                "epoch %d/%d: loss %.3f, %.1f s",
                len(self.losses),
                self._epochs,
                self.losses[-1],
                self.seconds[-1],
            )

    def on_train_end(self, _: Any) -> None:
        self._bar.close()
