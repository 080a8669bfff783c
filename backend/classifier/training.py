"""Fine-tuning a MobileNetV2, epoch by epoch, so that a training that was killed goes on.

Imports MindSpore: the toolkit prepares it before.
"""

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mindspore import nn
from numpy.typing import NDArray

from backend.classifier.batches import FeatureSource, ImageSource, Source, augmentations, batches
from backend.classifier.metrics import Metrics
from backend.classifier.plan import FineTune, Plan, learning_rates
from backend.classifier.progress import Progress
from backend.classifier.resuming import Resumable, fingerprint
from backend.classifier.toolkit import Cell, Toolkit
from backend.images.preprocessing import LabelledImages
from backend.mindspore.graph_cache import kept_graph
from backend.mindspore.kernels.replacement import fast_training
from backend.models.parameters import get_weights, parameter_shapes, set_weights
from backend.models.weights import Weights
from backend.networks.mobilenetv2.architecture import HEAD_BIAS, HEAD_PREFIX

__all__ = ["Task", "Trained", "fit"]

_SEEDS = 2**32
_RATES = 4096
"""Trainings of up to as many steps share a compiled graph."""


@dataclass(frozen=True)
class Task:
    """What is trained, and on what."""

    toolkit: Toolkit
    weights: Weights
    """Of the whole network; training starts from them."""
    images: LabelledImages
    input_size: int
    features: NDArray[np.float32] | None = None
    """(N, 1280), what the frozen backbone says of the images, where only the head is trained."""

    @property
    def class_count(self) -> int:
        """How many classes there are."""
        return len(self.weights[HEAD_BIAS])


class Trained(NamedTuple):
    """What became of a task."""

    weights: Weights
    """Of the whole network."""
    metrics: Metrics
    """Each epoch's mean ``loss`` and its ``seconds``."""


def fit(
    task: Task, plan: Plan, state_file: Path | None = None, cache_folder: Path | None = None
) -> Trained:
    """Train a network from the task's weights, which stay as they are.

    Order and augmentation of an epoch depend on the plan's seed and the epoch alone. With
    ``state_file`` everything is saved there after each epoch; a training of the same weights,
    samples and plan that finds the file goes on where it stopped, and ends with the weights
    that it would have had. The caller removes the file. ``cache_folder`` is where the compiled
    graph is kept for the next process.

    Raises ImageError for a sample that is no image.
    """
    plan = replace(plan, batch_size=min(plan.batch_size, len(task.images)))
    # Only a state on disk has to be known again: the digest reads every weight and image.
    mark = fingerprint(task.weights, task.images, plan) if state_file else ""
    network = _network(task, plan.fine_tune)
    source, operations = _samples(task)
    steps = len(task.images) // plan.batch_size
    rates = _padded(learning_rates(plan, steps))
    optimizer = _optimizer(task.toolkit, network, plan, rates)
    loss = task.toolkit.loss(task.class_count, plan.label_smoothing)
    model = task.toolkit.model(network, loss, optimizer)
    state = Resumable(state_file, mark, [network, optimizer])
    with (
        closing(Progress(plan.epochs, steps, state.restore())) as progress,
        fast_training(network) as kernels,
    ):
        graph = _compiled(task, plan, network, len(rates), kernels)
        try:
            for epoch in range(progress.epochs_done, plan.epochs):
                seed = (plan.seed + epoch) % _SEEDS
                dataset = batches(task.toolkit, source, operations, plan.batch_size, seed)
                with kept_graph(cache_folder, graph):
                    model.train(1, dataset, callbacks=[progress], dataset_sink_mode=False)
                state.save(progress.metrics)
        except RuntimeError:
            if source.unreadable:
                raise source.unreadable from None
            raise
    return Trained({**task.weights, **get_weights(network)}, progress.metrics)


def _network(task: Task, fine_tune: FineTune) -> Cell:
    """Make the network, or its head alone where the features are known, with the weights."""
    if task.features is None:
        network = task.toolkit.network(task.class_count)
        _freeze(network, fine_tune)
    else:
        network = task.toolkit.head(task.class_count)
        network.update_parameters_name(HEAD_PREFIX)
    set_weights(network, {name: task.weights[name] for name in parameter_shapes(network)})
    return network


def _samples(task: Task) -> tuple[Source, list[Any]]:
    """Return the samples, and what is done to each."""
    if task.features is not None:
        return FeatureSource(task.features, task.images.y), []
    return ImageSource(task.images, task.input_size), augmentations(task.toolkit, task.input_size)


def _freeze(network: Cell, fine_tune: FineTune) -> None:
    blocks = list(network.backbone.backbone)
    trained = len(blocks) if fine_tune == "full" else int(fine_tune)
    for position, block in enumerate(blocks):
        _set_trainable(block, position >= len(blocks) - trained)


def _set_trainable(block: Cell, trainable: bool) -> None:
    for parameter in block.get_parameters():
        parameter.requires_grad = trainable and "moving_" not in parameter.name
    for _, cell in block.cells_and_names():
        if isinstance(cell, nn.BatchNorm2d):
            # A frozen block keeps its statistics; None follows the training flag.
            cell.use_batch_statistics = None if trainable else False


def _padded(rates: list[float]) -> list[float]:
    """Add zeros, which no step reaches: the length is part of the compiled graph."""
    return rates + [0.0] * (-len(rates) % _RATES)


def _compiled(
    task: Task, plan: Plan, network: Cell, rate_count: int, kernels: Path | None
) -> list[object]:
    """Return all that is compiled into the graph: not the rates, which are a parameter."""
    which = replace(plan, epochs=1, learning_rate=1, warmup_epochs=0, seed=0)
    origin = type(network).__module__
    return [origin, task.class_count, task.input_size, which, rate_count, kernels]


def _optimizer(toolkit: Toolkit, network: Cell, plan: Plan, rates: list[float]) -> Cell:
    parameters = network.trainable_params()
    if plan.optimizer == "adam":
        return toolkit.optimizers.Adam(parameters, learning_rate=rates)
    return toolkit.optimizers.Momentum(parameters, learning_rate=rates, momentum=0.9)
