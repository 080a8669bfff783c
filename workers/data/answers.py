"""The inference worker's answer for an image, a JSON file next to it."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Answer", "HardExample", "Rejection"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    image: str = Field(description="The picture's file name, in the same folder.")
    time: datetime = Field(description="UTC.")

    def to_json(self) -> bytes:
        """Return the file's content."""
        return self.model_dump_json(indent=2).encode()


class _Prediction(_Record):
    label: str
    probabilities: dict[str, float] = Field(description="Of each class; they sum to 1.")
    miner: str | None = Field(description="The hard example miner, or null without one.")
    hard: bool
    model_version: str = Field(description="The first 12 digits of the model's SHA-256.")

    @property
    def certainty(self) -> float:
        """The probability of the likeliest class, 0 to 1."""
        return max(self.probabilities.values(), default=0.0)


class Answer(_Prediction):
    """What the model says of an image."""

    size: int = Field(description="The picture's, bytes; with `modified` it tells files apart.")
    modified: int = Field(description="When the picture was written, ns since 1970.")


class HardExample(_Prediction):
    """An answer that a person should look at."""

    true_label: str | None = Field(default=None, description="To be filled in.")


class Rejection(_Record):
    """Why an image was not answered."""

    reason: str
