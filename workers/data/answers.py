"""The inference worker's answer for an image, a JSON file next to it."""

from base64 import b64decode, b64encode
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Answer", "HardExample", "Rejection", "packed_features"]

_MOST_FEATURES = 4096
_INT8 = 127


class _Record(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", protected_namespaces=(), allow_inf_nan=False
    )

    image: str = Field(description="The picture's file name, in the same folder.")
    time: datetime = Field(description="UTC.")

    def to_json(self) -> bytes:
        """Return the file's content."""
        return self.model_dump_json(indent=2).encode()


class _Prediction(_Record):
    label: str
    probabilities: dict[str, float] = Field(description="Of each class; they sum to 1.")
    miner: str | None = Field(
        default=None, description="The hard example miner, or null without one."
    )
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
    features: str = Field(
        default="",
        exclude_if=lambda text: not text,
        description="What its picture looks like to the model, which similar pictures share: its "
        "features, scaled to int8, Base64. Absent if the model does not tell them.",
    )

    @property
    def uncertainty(self) -> float:
        """One minus the margin between the two likeliest classes, 0 to 1."""
        first, second = sorted([*self.probabilities.values(), 0.0, 0.0])[-1:-3:-1]
        return 1 - (first - second)

    @property
    def direction(self) -> NDArray[np.float32]:
        """The features as a vector of length 1; of none, an empty one."""
        try:
            values = np.frombuffer(b64decode(self.features), np.int8).astype(np.float32)
        except ValueError:
            values = np.empty(0, np.float32)
        length = float(np.linalg.norm(values))
        return values / length if length else values[:0]


class Rejection(_Record):
    """Why an image was not answered."""

    reason: str


def packed_features(features: NDArray[np.float32]) -> str:
    """Return the text of `HardExample.features` for the features (F,) of one image.

    It is empty for no features, for more than 4096, and for those that are 0 or not finite.
    """
    largest = float(np.abs(features).max(initial=0))
    if not 0 < largest < np.inf or len(features) > _MOST_FEATURES:
        return ""
    return b64encode(np.rint(features * (_INT8 / largest)).astype(np.int8).tobytes()).decode()
