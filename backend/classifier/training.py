"""Fine-tuning a network, epoch by epoch, so that training that was killed can resume.

Imports MindSpore: the toolkit prepares it before.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mindspore import nn
from numpy.typing import NDArray

from backend.classifier.batches import (
    ActivationSamples,
    ImageSamples,
    Samples,
    augmentations,
    batches,
    smoothed_targets,
)
from backend.classifier.graph_cache import kept_graph
from backend.classifier.plan import Plan, learning_rates
from backend.classifier.progress import Progress
from backend.classifier.resuming import Resumable, fingerprint
from backend.classifier.toolkit import Cell, Toolkit
from backend.errors import SettingsError
from backend.images.preprocessing import InputFormat, LabelledImages
from backend.metrics import Metrics
from backend.mindspore.kernels.replacement import fast_training
from backend.models.parameters import get_weights, parameter_shapes, set_weights
from backend.models.weights import Weights
from backend.networks import BUILT_IN, Network

__all__ = ["Task", "Trained", "fit", "fit_centred"]

_SEEDS = 2**32
_RATES = 4096
"""Trainings of up to as many steps share a compiled graph."""


@dataclass(frozen=True)
class Task:
    """What is trained, and on what."""

    toolkit: Toolkit
    network: Network
    class_count: int
    weights: Weights
    """Of the whole network; training starts from them."""
    images: LabelledImages
    order: NDArray[np.int64]
    """(N,), the positions of the images that an epoch consists of; some may come several times."""
    input_format: InputFormat
    activations: NDArray[np.float16] | None = None
    """(M, V, ...), V views of each image, where the frozen part has run before."""
    validation_loss: Callable[[Weights], float] | None = None
    """Judges the weights of the whole network after each epoch; the best are kept."""


class Trained(NamedTuple):
    """The outcome of a task."""

    weights: Weights
    """Of the whole network."""
    metrics: Metrics
    """Each epoch's mean ``loss`` and its ``seconds``, and ``validation_loss`` if it is judged."""


def fit(
    task: Task, plan: Plan, state_file: Path | None = None, cache_folder: Path | None = None
) -> Trained:
    """Train a network from the task's weights, which stay as they are.

    Order and augmentation of an epoch depend on the plan's seed and the epoch alone. With
    ``state_file`` everything is saved there after each epoch; a training of the same weights,
    samples and plan that finds the file resumes where it stopped, and ends with the weights
    that it would have had, unless the network has dropout, which MindSpore cannot seed per epoch.
    The caller removes the file. ``cache_folder`` is where the compiled
    graph is kept for the next process.

    Raises ImageError for a sample that is not an image.
    """
    plan = replace(plan, batch_size=min(plan.batch_size, len(task.order)))
    # Only a state on disk has to be known again: the digest reads every weight and image.
    mark = fingerprint(task.weights, task.images, task.order, plan) if state_file else ""
    network = _network(task, task.network.first_trained(plan.fine_tune))
    samples, operations = _samples(task, plan)
    steps = len(task.order) // plan.batch_size
    rates = _padded(learning_rates(plan, steps))
    optimizer = _optimizer(task, network, plan, rates)
    model = task.toolkit.model(network, task.toolkit.loss(), optimizer)
    state = Resumable(state_file, mark, [network, optimizer])
    judged = task.validation_loss
    with (
        closing(Progress(plan.epochs, steps, state.restore())) as progress,
        fast_training(network) as kernels,
    ):
        # What is compiled of a user's own network cannot be told from its name.
        folder = cache_folder if task.network.name in BUILT_IN else None
        graph = _compiled(task, plan, network, len(rates), kernels)
        try:
            for epoch in range(progress.epochs_done, plan.epochs):
                if _has_lost_patience(progress.metrics, plan.patience):
                    break
                seed = (plan.seed + epoch) % _SEEDS
                dataset = batches(task.toolkit, samples, operations, plan, seed)
                with kept_graph(folder, graph):
                    model.train(1, dataset, callbacks=[progress], dataset_sink_mode=False)
                if judged:
                    weights = get_weights(network)
                    losses = progress.metrics.setdefault("validation_loss", [])
                    losses.append(judged({**task.weights, **weights}))
                    if losses[-1] == min(losses):
                        state.best = weights
                state.save(progress.metrics)
        except RuntimeError:
            if samples.unreadable:
                raise samples.unreadable from None
            raise
    trained = {**task.weights, **(state.best or get_weights(network))}
    return Trained(trained, progress.metrics)


def fit_centred(
    task: Task,
    mean: NDArray[np.float32],
    plan: Plan,
    state_file: Path | None = None,
    cache_folder: Path | None = None,
) -> Trained:
    """Do what `fit` does with a head, on features less ``mean`` (F,).

    Before and after, the head takes plain features. Why: `backend.classifier.federated`.

    Raises SettingsError if the features are not known before.
    """
    if task.activations is None:
        raise SettingsError(f"network={task.network.name}: its features cannot be centred.")
    matrix, bias = f"{task.network.head}.weight", f"{task.network.head}.bias"
    judged = task.validation_loss

    def moved(weights: Weights, origin: NDArray[np.float32]) -> Weights:
        return {**weights, bias: weights[bias] + weights[matrix] @ origin}

    centred = replace(
        task,
        weights=moved(task.weights, mean),
        activations=(task.activations - mean).astype(np.float16),
        validation_loss=judged and (lambda weights: judged(moved(weights, -mean))),
    )
    weights, metrics = fit(centred, plan, state_file, cache_folder)
    return Trained(moved(weights, -mean), metrics)


def _has_lost_patience(metrics: Metrics, patience: int) -> bool:
    losses = metrics.get("validation_loss", [])
    return 0 < patience <= len(losses) - 1 - int(np.argmin(losses)) if losses else False


def _network(task: Task, first_trained: str | None) -> Cell:
    """Make what is trained, and what runs before it unless that is known, with the weights."""
    if task.activations is not None and first_trained == task.network.head:
        network = nn.Dense(task.activations.shape[-1], task.class_count)
        network.update_parameters_name(f"{task.network.head}.")
    else:
        network = task.toolkit.network(task.network, task.class_count)
        if first_trained:
            _freeze(network, task.network, first_trained)
            if task.activations is not None:
                _pass_on(network, first_trained)
    set_weights(network, {name: task.weights[name] for name in parameter_shapes(network)})
    return network


def _samples(task: Task, plan: Plan) -> tuple[Samples, list[Any]]:
    """Return the samples of an epoch, and what is done to each."""
    targets = smoothed_targets(task.images.y, task.class_count, plan.label_smoothing)
    if task.activations is not None:
        return ActivationSamples(task.activations, targets, task.order), []
    samples = ImageSamples(task.images.x, targets, task.order, task.input_format.size)
    return samples, augmentations(task.toolkit, task.input_format)


def _freeze(network: Cell, description: Network, first_trained: str) -> None:
    """Freeze everything before a cell, except the head, and all statistics.

    Few small batches know the statistics worse than the many that they are from.
    """
    is_trained = False
    for parameter in network.get_parameters():
        is_trained = is_trained or parameter.name.startswith(f"{first_trained}.")
        if not is_trained and not description.is_of_head(parameter.name):
            parameter.requires_grad = False
    for _, cell in network.cells_and_names():
        if isinstance(cell, nn.BatchNorm2d):
            cell.use_batch_statistics = False


def _pass_on(cell: Cell, first_trained: str) -> None:
    """Let all cells before one, of a network that is a chain, pass on what they are given."""
    on_the_way, _, rest = first_trained.partition(".")
    for position, (name, child) in enumerate(cell.name_cells().items()):
        if name == on_the_way:
            if rest:
                _pass_on(child, rest)
            return
        if isinstance(cell, nn.SequentialCell):
            cell[position] = nn.Identity()
        else:
            setattr(cell, name, nn.Identity())


def _padded(rates: list[float]) -> list[float]:
    """Add zeros, which no step reaches: the length is part of the compiled graph."""
    return rates + [0.0] * (-len(rates) % _RATES)


def _compiled(
    task: Task, plan: Plan, network: Cell, rate_count: int, kernels: Path | None
) -> list[object]:
    """Return all that is compiled into the graph: not the rates, which are a parameter."""
    which = replace(
        plan,
        epochs=1,
        learning_rate=1,
        label_smoothing=0,
        mixup=0,
        warmup_epochs=0,
        patience=0,
        seed=0,
    )
    what = (type(network).__module__, task.network.name, task.class_count, task.input_format)
    return [*what, task.activations is None, which, rate_count, kernels]


def _optimizer(task: Task, network: Cell, plan: Plan, rates: list[float]) -> Cell:
    given: dict[str, Any] = {
        "params": network.trainable_params(),
        "learning_rate": rates,
        "weight_decay": plan.weight_decay,
    }
    if plan.backbone_rate != 1:
        given["params"] = _groups(given["params"], task.network, plan, rates)
    if plan.optimizer == "adam":
        return task.toolkit.optimizers.Adam(**given)
    return task.toolkit.optimizers.Momentum(**given, momentum=0.9)


def _groups(
    parameters: list[Any], description: Network, plan: Plan, rates: list[float]
) -> list[dict[str, Any]]:
    """Give the head its own rate; scales and shifts do not decay, as where nothing is grouped."""
    groups: dict[tuple[bool, bool], list[Any]] = {}
    for each in parameters:
        decays = not each.name.endswith(("gamma", "beta"))
        groups.setdefault((description.is_of_head(each.name), decays), []).append(each)
    slower = [rate * plan.backbone_rate for rate in rates]
    return [
        {
            "params": members,
            "lr": rates if is_head else slower,
            "weight_decay": plan.weight_decay if decays else 0.0,
        }
        for (is_head, decays), members in groups.items()
    ]
