"""The inference worker's settings, except the model and the folder of its hard examples."""

from pathlib import Path

from pydantic import Field

from workers.contract import MODEL_HOT_UPDATE_FILE, MODEL_HOT_UPDATE_FOLDER, Variable
from workers.environment import LocalPath
from workers.http.settings import HttpSettings
from workers.learning.settings import EstimatorSettings, MiningSettings
from workers.sedna.settings import InferTask, JobSettings

__all__ = ["InferSettings"]

_MEBIBYTE = 1024**2


class InferSettings(JobSettings, InferTask, EstimatorSettings, MiningSettings, HttpSettings):
    """The inference worker's settings."""

    model_hot_update: bool = Field(
        default=False,
        validation_alias=Variable.MODEL_HOT_UPDATE,
        description="Whether to watch for new models.",
    )
    model_poll_period_seconds: float = Field(
        default=60.0,
        ge=1,
        validation_alias=Variable.MODEL_POLL_PERIOD_SECONDS,
        description="Seconds between two checks for a new model if no file event announces it.",
    )
    model_hot_update_config: LocalPath = Field(
        default=Path(MODEL_HOT_UPDATE_FOLDER, MODEL_HOT_UPDATE_FILE),
        validation_alias=Variable.MODEL_HOT_UPDATE_CONFIG,
        description="The file that names the newest model.",
    )
    he_saved_url: LocalPath | None = Field(
        default=None,
        validation_alias="HE_SAVED_URL",
        description="The folder for hard examples. Unset: they are not saved.",
    )
    infer_url: LocalPath | None = Field(
        default=None,
        description="The folder of images to be classified. Unset: images arrive over HTTP only.",
    )
    model_name: str = Field(
        default="",
        pattern=r"^[\w.-]*$",
        description="The model's name in HTTP paths. Unset: the job's name.",
    )
    request_mebibytes: int = Field(
        default=16,
        ge=1,
        description="The largest request, MiB. At most four times as much is held at a time.",
    )
    image_megapixels: float = Field(
        default=24.0,
        gt=0,
        le=80,
        description="The largest picture, in millions of pixels that take 8 bytes each when "
        "decoded. Baseline JPEG files may have more, PNG and BMP files without transparency twice "
        "as many, AVIF and WebP files fewer.",
    )
    batch_size: int = Field(
        default=8,
        ge=1,
        description="Images that go through the network together. Larger batches take more memory.",
    )
    batch_wait_milliseconds: float = Field(
        default=0.0,
        ge=0,
        le=1000,
        description="How long an incomplete batch waits for more images. At 0, a batch contains "
        "the images that arrived while the previous one was computed.",
    )
    queue_size: int = Field(
        default=64,
        ge=1,
        description="Images waiting or being computed at a time. Further ones are answered with "
        "503.",
    )
    hard_example_quota: int = Field(
        default=512, ge=1, description="The largest size of the folder for hard examples, MiB."
    )

    @property
    def served_name(self) -> str:
        """The model's name in HTTP paths."""
        return self.model_name or self.job_name

    @property
    def request_bytes(self) -> int:
        """The largest request."""
        return self.request_mebibytes * _MEBIBYTE

    @property
    def hard_example_bytes(self) -> int:
        """The largest size of the folder for hard examples."""
        return self.hard_example_quota * _MEBIBYTE
