"""Fine-tuning a MobileNetV2, epoch by epoch, so that a training that was killed goes on.

Imports MindSpore: the toolkit prepares it before.
"""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mindspore import nn
from numpy.typing import NDArray

from backend.kernels.replacement import fast_training
from backend.metrics import Metrics
from backend.mobilenetv2.batches import FeatureSource, ImageSource, Source, augmentations, batches
from backend.mobilenetv2.plan import FineTune, Plan, learning_rates
from backend.mobilenetv2.progress import Progress
from backend.mobilenetv2.resuming import Resumable, fingerprint
from backend.mobilenetv2.toolkit import Cell, Toolkit
from backend.preprocessing import LabelledImages

__all__ = ["Task", "fit"]

_SEEDS = 2**32


@dataclass(frozen=True)
class Task:
    """A network and what it is to learn."""

    toolkit: Toolkit
    network: Cell
    images: LabelledImages
    class_count: int
    input_size: int
    features: NDArray[np.float32] | None = None
    """(N, 1280), what the frozen backbone says of the images, where only the head is trained."""


def fit(task: Task, plan: Plan, state_file: Path | None = None) -> Metrics:
    """Train the task's network in place; return each epoch's mean ``loss`` and its ``seconds``.

    Order and augmentation of an epoch depend on the plan's seed and the epoch alone. With
    ``state_file`` everything is saved there after each epoch; a training of the same network,
    samples and plan that finds the file goes on where it stopped, and ends with the weights
    that it would have had. The caller removes the file.

    Raises ImageError for a sample that is no image.
    """
    network, batch_size = task.network, min(plan.batch_size, len(task.images))
    # Only a state on disk has to be known again: the digest reads every weight and image.
    mark = fingerprint(network, task.images, plan) if state_file else ""
    _freeze(network, plan.fine_tune)
    source, operations, trained = _samples(task)
    steps = len(task.images) // batch_size
    optimizer = _optimizer(task.toolkit, trained, plan, steps)
    loss = task.toolkit.loss(task.class_count, plan.label_smoothing)
    model = task.toolkit.model(trained, loss, optimizer)
    state = Resumable(state_file, mark, [network, optimizer])
    with closing(Progress(plan.epochs, steps, state.restore())) as progress, fast_training(trained):
        try:
            for epoch in range(progress.epochs_done, plan.epochs):
                seed = (plan.seed + epoch) % _SEEDS
                dataset = batches(task.toolkit, source, operations, batch_size, seed)
                model.train(1, dataset, callbacks=[progress], dataset_sink_mode=False)
                state.save(progress.metrics)
        except RuntimeError:
            if source.unreadable:
                raise source.unreadable from None
            raise
        finally:
            network.set_train(False)
    return progress.metrics


def _samples(task: Task) -> tuple[Source, list[Any], Cell]:
    """Return the samples, what is done to each, and the part of the network that sees them."""
    if task.features is not None:
        return FeatureSource(task.features, task.images.y), [], task.network.head
    source = ImageSource(task.images, task.input_size)
    return source, augmentations(task.toolkit, task.input_size), task.network


def _freeze(network: Cell, fine_tune: FineTune) -> None:
    blocks = list(network.backbone.backbone)
    trained = {"head": 0, "full": len(blocks)}.get(str(fine_tune), fine_tune)
    for position, block in enumerate(blocks):
        _set_trainable(block, position >= len(blocks) - int(trained))


def _set_trainable(block: Cell, trainable: bool) -> None:
    for parameter in block.get_parameters():
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
