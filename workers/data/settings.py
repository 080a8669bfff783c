"""Where a job's images are, and which of them a round leaves out."""

from pathlib import Path

from pydantic import Field, PositiveInt

from workers.contract import Variable
from workers.environment import EnvironmentSettings, LocalPath

__all__ = ["DatasetSettings"]


class DatasetSettings(EnvironmentSettings):
    """Where a round's images are and which are left out, in training and in evaluation."""

    original_dataset_url: LocalPath = Field(
        validation_alias=Variable.ORIGINAL_DATASET_URL,
        description="The Dataset's index file; samples' paths are relative to its folder.",
    )
    test_index: Path | None = Field(
        default=None,
        description="An index file of samples that no round trains on, and that all rounds' models "
        "are judged on: test_accuracy and others. Relative to the Dataset's index file's folder; "
        "its samples' paths are relative to its own. Write the same in the train and eval "
        "templates. Unset: none.",
    )
    unreadable_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of the round's samples, 0 to 1, that may be left out because their "
        "index lines are bad or their images cannot be read; with more the round fails.",
    )
    image_limit_mib: PositiveInt = Field(
        default=64,
        description="MiB that an image file may have; a larger one is left out as unreadable.",
    )
