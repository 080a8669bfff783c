"""What the inference worker is told, beside the model and where its hard examples go."""

from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr

from workers.environment import EnvironmentSettings, InferSettings, LocalPath

__all__ = ["HttpSettings", "ServingSettings"]

_MEBIBYTE = 1024**2


def _token(value: object) -> object:
    if not str(value).isascii():
        raise ValueError("expected ASCII characters, because it travels in a header")
    return value


class HttpSettings(EnvironmentSettings):
    """Where a worker listens, and for whom."""

    http_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="The port for HTTP; unset: no HTTP; 0: a free one, which the log names. Pods "
        "share their node's ports, so give each job on a node its own.",
    )
    http_host: str = Field(
        default="127.0.0.1",
        description="The address to listen on: this node only, unless told otherwise; 0.0.0.0 is "
        "every one.",
    )
    http_token: Annotated[SecretStr, BeforeValidator(_token)] | None = Field(
        default=None,
        description="What clients send as `Authorization: Bearer ...`; unset: anybody may ask.",
    )
    http_timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        description="Seconds in which a request must arrive and in which it is answered.",
    )


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
