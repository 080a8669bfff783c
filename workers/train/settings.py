"""The settings of the train worker."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt

from backend.networks import FineTune, find_network
from workers.data.settings import DatasetSettings
from workers.environment import LocalPath
from workers.learning.settings import EstimatorSettings
from workers.sedna.settings import TrainTask

__all__ = ["TrainSettings"]

_CACHE = "cache"
_REPLAY = 500
_REPLAY_OF_BLOCKS = 2000
_BLOCKS = 3
_MIXUP = 0.4
_BACKBONE_RATE = 0.5


def _fine_tune(value: object) -> str | int:
    if value in ("head", "full"):
        return str(value)
    if str(value).isdecimal() and int(str(value)) > 0:
        return int(str(value))
    raise ValueError("expected head, full or the number of last blocks to train, 1 or more")


class TrainSettings(TrainTask, EstimatorSettings, DatasetSettings):
    """The settings of the train worker."""

    epochs: PositiveInt = Field(default=5, description="Passes over the round's samples.")
    batch_size: PositiveInt = Field(default=16, description="Samples in a training step.")
    learning_rate: PositiveFloat = Field(
        default=1e-3, description="The highest learning rate, reached after the warm-up."
    )
    optimizer: Literal["adam", "momentum"] = Field(
        default="adam", description="adam or momentum (SGD with momentum)."
    )
    label_smoothing: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Share of the label's probability that is spread over all classes, 0 to 1.",
    )
    mixup: float | None = Field(
        default=None,
        ge=0,
        description="How much each sample is mixed with another one of its batch: the parameter of "
        "the Beta distribution that the share is drawn from; 0: not at all. Unset: 0.4, and 0 with "
        "fine_tune=full.",
    )
    backbone_rate: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Learning rate of what comes before the classifier, as a share of "
        "learning_rate: less keeps more of what a pretrained backbone knows. Unset: 0.5, and 1 "
        "with fine_tune=full.",
    )
    weight_decay: float = Field(
        default=0.0, ge=0, description="How strongly weights are pulled towards 0."
    )
    balance: bool = Field(
        default=True,
        description="Whether samples of rare classes and small rounds are trained on several "
        "times an epoch, so that each class of each round counts alike; false: once.",
    )
    validation_share: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description="Share of each class of the round's new samples that is not trained on and "
        "judges the epochs: the model of the one with the lowest loss is kept. Samples for "
        "evaluation are never used for it. 0: the last epoch's is kept.",
    )
    patience: int = Field(
        default=0,
        ge=0,
        description="Epochs without a lower validation loss after which training ends; 0: none.",
    )
    fine_tune: Annotated[Literal["head", "full"] | int | None, BeforeValidator(_fine_tune)] = Field(
        default=None,
        description="What is trained: the classifier and so many last blocks, the classifier "
        "alone (head), or everything (full). Unset: 3, which suits a backbone that was "
        "pretrained, or full for a network that names no blocks. A backbone that a job has "
        "trained from nothing wants full.",
    )
    seed: int = Field(
        default=0, ge=0, lt=2**32, description="Seed of the order, augmentation and replay."
    )
    replay: int | None = Field(
        default=None,
        ge=0,
        description="Older samples that are trained on in addition to the new ones, against "
        "forgetting, as many of each class and round. Unset: all of them with fine_tune=head, "
        "2000 with a number of blocks, and 500 with full.",
    )
    cache_folder: LocalPath | None = Field(
        default=None,
        description="The folder in which rounds of one job keep what the next need not do again: "
        "the compiled graph, and what the frozen part of the network gives for each image. "
        "Unset: cache next to the rounds' folders.",
    )
    cache_size: int = Field(
        default=256,
        ge=0,
        description="MiB that the latter may take: one for 30 images of 224 pixels with "
        "fine_tune=3, or for 400 with head; 0: nothing is kept.",
    )

    @property
    def cache(self) -> Path | None:
        """Where something is kept for the next round, if it is."""
        return (self.cache_folder or self.model_url.parent / _CACHE) if self.cache_size else None

    @property
    def trained_part(self) -> FineTune:
        """What is trained."""
        if self.fine_tune is not None:
            return self.fine_tune
        return _BLOCKS if find_network(self.network).blocks else "full"

    @property
    def mixup_parameter(self) -> float:
        """How much samples are mixed."""
        return self._of_pretrained(_MIXUP, 0) if self.mixup is None else self.mixup

    @property
    def rate_of_backbone(self) -> float:
        """The backbone's learning rate as a share of the classifier's."""
        if self.backbone_rate is not None:
            return self.backbone_rate
        return self._of_pretrained(_BACKBONE_RATE, 1)

    def _of_pretrained(self, value: float, otherwise: float) -> float:
        """Return what suits a pretrained backbone, or ``otherwise`` where all is trained."""
        return otherwise if self.trained_part == "full" else value

    @property
    def replay_count(self) -> int:
        """How many older samples at most are trained on."""
        if self.replay is not None:
            return self.replay
        # What the frozen part gives is known from the rounds before.
        if self.trained_part == "head":
            return sys.maxsize
        return _REPLAY if self.trained_part == "full" else _REPLAY_OF_BLOCKS
