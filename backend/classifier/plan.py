"""The hyperparameters of a training, and the learning rate that follows from them."""

import math
from dataclasses import dataclass
from typing import Literal

from backend.errors import SettingsError
from backend.networks import FineTune

__all__ = ["Plan", "learning_rates"]


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
    backbone_rate: float = 1.0
    """Learning rate of what comes before the head, as a share of the head's, above 0 to 1."""
    weight_decay: float = 0.0
    """The penalty on a weight w adds this times w to its gradient."""
    mixup: float = 0.0
    """Each sample is mixed with another of its batch, and so are their targets; the share is drawn
    for each batch from the Beta distribution with this as both parameters. 0: none is mixed.

    Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018; of what the frozen part
    gives, as in Verma et al., "Manifold Mixup", ICML 2019.
    """
    patience: int = 0
    """Epochs without a better validation loss after which training ends; 0: it does not."""

    def __post_init__(self) -> None:
        """Raise SettingsError for a value out of its range."""
        ranges = {
            "epochs": self.epochs >= 1,
            "batch_size": self.batch_size >= 1,
            "learning_rate": self.learning_rate > 0,
            "optimizer": self.optimizer in {"adam", "momentum"},
            "mixup": 0 <= self.mixup < math.inf,
            "label_smoothing": 0 <= self.label_smoothing < 1,
            "backbone_rate": 0 < self.backbone_rate <= 1,
            "weight_decay": self.weight_decay >= 0,
            "patience": self.patience >= 0,
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
