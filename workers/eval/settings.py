"""The settings of the eval worker."""

from pydantic import Field, PositiveInt

from workers.data.settings import DatasetSettings
from workers.learning.settings import EstimatorSettings
from workers.sedna.settings import EvalTask

__all__ = ["EvalSettings"]


class EvalSettings(EvalTask, EstimatorSettings, DatasetSettings):
    """The settings of the eval worker."""

    batch_size: PositiveInt = Field(
        default=16, description="Samples in a step: memory and speed only."
    )
    forgetting_samples: int = Field(
        default=200,
        ge=0,
        description="Held-out samples of earlier rounds that each model is judged on again, to "
        "report forgetting. 0: it is not reported.",
    )
