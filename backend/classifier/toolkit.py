"""What an estimator takes from its framework; everything else is shared."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from backend.networks import Network

__all__ = ["Cell", "Model", "Toolkit"]

Cell = Any
"""A network, layer or loss; neither framework publishes types."""

Model = Any
"""The framework's ``Model``: ``train(epochs, dataset, ...)`` and ``predict(tensor)``."""


@dataclass(frozen=True)
class Toolkit:
    """One framework's parts, by the role they play in an estimator."""

    network: Callable[[Network, int], Cell]
    """A network and a class count to its cell, which outputs logits."""
    loss: Callable[[], Cell]
    """Makes the mean cross entropy of logits (N, C) and target probabilities (N, C)."""
    model: Callable[[Cell, Cell | None, Cell | None], Model]
    """Network, loss and optimizer to a ``Model``; without the last two it only predicts."""
    optimizers: ModuleType
    """Has ``Adam`` and ``Momentum``."""
    vision: ModuleType
    """Has the transforms of augmentation."""
    generator_dataset: Callable[..., Any]
    """The ``GeneratorDataset`` class."""
