"""What the inference worker is told, beside the model and where its hard examples go."""

from pydantic import Field

from workers.environment import InferSettings, LocalPath
from workers.http.settings import HttpSettings

__all__ = ["ServingSettings"]

_MEBIBYTE = 1024**2


class ServingSettings(HttpSettings, InferSettings):
    """What the inference worker is told."""

    infer_url: LocalPath | None = Field(  # type: ignore[assignment]  # optional beside HTTP
        default=None,
        description="The folder whose images are answered; unset: they come over HTTP only.",
    )
    model_name: str = Field(
        default="",
        pattern=r"^[\w.-]*$",
        description="The model's name in HTTP paths; unset: the job's name.",
    )
    request_mebibytes: int = Field(
        default=16, ge=1, description="The largest request, MiB; four such are taken at a time."
    )
    image_megapixels: float = Field(
        default=24.0,
        gt=0,
        le=80,
        description="The largest picture over HTTP, million pixels; decoding takes up to 17 bytes "
        "for each.",
    )
    batch_size: int = Field(
        default=8,
        ge=1,
        description="Images that go through the network at once; more take more memory.",
    )
    batch_wait_milliseconds: float = Field(
        default=0.0,
        ge=0,
        le=1000,
        description="How long a batch that is not full waits for more images. At 0 a batch holds "
        "what came while the last one was computed.",
    )
    queue_size: int = Field(
        default=64,
        ge=1,
        description="Images that are waiting or computed at a time; more are answered 503.",
    )
    hard_example_quota: int = Field(
        default=512, ge=1, description="Size of the folder for hard examples, MiB."
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
