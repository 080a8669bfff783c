"""The settings of the train worker."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt

from workers.data.settings import DatasetSettings
from workers.environment import LocalPath
from workers.learning.settings import EstimatorSettings
from workers.sedna.settings import TrainTask

__all__ = ["TrainSettings"]

_CACHE = "cache"


def _fine_tune(value: object) -> str | int:
    if value in ("head", "full"):
        return str(value)
    if str(value).isdecimal() and int(str(value)) > 0:
        return int(str(value))
    raise ValueError("expected head, full or the number of last blocks to train, 1 or more")


class TrainSettings(TrainTask, EstimatorSettings, DatasetSettings):
    """The settings of the train worker."""

    epochs: PositiveInt = Field(default=10, description="Passes over the round's samples.")
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
    fine_tune: Annotated[Literal["head", "full"] | int, BeforeValidator(_fine_tune)] = Field(
        default="full",
        description="What is trained: head (the classifier), full, or the number of last blocks.",
    )
    seed: int = Field(
        default=0, ge=0, lt=2**32, description="Seed of the order, augmentation and replay."
    )
    replay: int = Field(
        default=200,
        ge=0,
        description="Older samples that are trained on beside the new ones, against forgetting.",
    )
    cache_folder: LocalPath | None = Field(
        default=None,
        description="The folder in which rounds of one job keep what the next need not do again: "
        "the compiled graph, and for fine_tune=head the features of images. "
        "Unset: cache beside the rounds' folders.",
    )
    cache_size: int = Field(
        default=512,
        ge=0,
        description="MiB that the features may take, one for 110 images; 0: nothing is kept.",
    )

    @property
    def cache(self) -> Path | None:
        """Where something is kept for the next round, if it is."""
        return (self.cache_folder or self.model_url.parent / _CACHE) if self.cache_size else None
