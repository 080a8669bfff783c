"""The labelling worker's settings."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from workers.contract import Variable
from workers.environment import LocalPath
from workers.http.settings import HttpSettings
from workers.learning.settings import ClassNames

__all__ = ["LabelSettings"]


class LabelSettings(HttpSettings):
    """The labelling worker's settings."""

    he_saved_url: LocalPath = Field(
        validation_alias="HE_SAVED_URL", description="The folder with the hard examples."
    )
    original_dataset_url: LocalPath = Field(
        validation_alias=Variable.ORIGINAL_DATASET_URL,
        description="The Dataset's index file; labelled pictures go to `hard-examples` next to it.",
    )
    class_names: ClassNames = Field(description="The classes to choose from, separated by commas.")
    job_name: str = Field(
        default="", validation_alias=Variable.JOB_NAME, description="The page's title."
    )
    http_port: int = Field(
        default=8081, ge=0, le=65535, description="The page's port; 0: a free one."
    )
    label_order: Literal["diverse", "uncertain"] = Field(
        default="diverse",
        description="Which pictures are offered first: diverse, uncertain ones that are unlike "
        "those labelled before; uncertain, the most uncertain ones.",
    )
    label_batch: PositiveInt = Field(
        default=10,
        description="Labels that are added to the dataset together; until then they can be undone.",
    )
    undo_seconds: PositiveFloat = Field(
        default=30.0,
        description="Seconds without a new label after which all pending labels are added to the "
        "dataset.",
    )
