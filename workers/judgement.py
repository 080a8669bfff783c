"""What `python -m workers compare` says of a model, and `iljob evaluate` shows."""

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Comparison", "Judgement", "Share"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Share(_Record):
    """How many of some samples a model gets right."""

    right: int
    samples: int

    @property
    def value(self) -> float:
        """The share, 0 to 1; 0 without samples."""
        return self.right / self.samples if self.samples else 0.0


class Comparison(_Record):
    """A model against the first one, on the same samples."""

    better_probability: float = Field(
        description="That it has the higher balanced accuracy, 0 to 1."
    )
    gain: float = Field(description="Its accuracy minus the first model's, -1 to 1.")
    gain_low: float = Field(description="Lower end of the gain's 95 % interval.")
    gain_high: float = Field(description="Upper end.")


class Judgement(_Record):
    """One model's figures."""

    model: str = Field(description="The file.")
    total: Share = Field(description="Of all samples: the accuracy.")
    balanced_accuracy: float = Field(description="Mean of the classes' recalls, 0 to 1.")
    worst_recall: float = Field(description="The lowest of them.")
    classes: dict[str, Share] = Field(description="By true class.")
    folders: dict[str, Share] = Field(
        description="By the first folder of the samples' paths; `.` for those in none."
    )
    left_out: list[str] = Field(
        description="Bad lines and unreadable images, each with its reason."
    )
    against_first: Comparison | None = Field(default=None, description="Null: it is the first.")
