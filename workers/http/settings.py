"""Where a worker listens, and whom it answers."""

import re
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from backend.errors import SettingsError
from workers.environment import EnvironmentSettings, LocalPath

__all__ = ["HttpSettings"]


_ORIGIN = re.compile(r"https?://[\w.:\[\]-]+")


def _token(value: object) -> object:
    if not str(value).isascii():
        raise ValueError("expected ASCII characters, because it travels in a header")
    return value


def _origins(value: object) -> list[str]:
    origins = [part.strip().rstrip("/") for part in str(value).split(",") if part.strip()]
    if not all(_ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError("expected origins such as https://labels.example:8080")
    return origins


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
    http_certificate: LocalPath | None = Field(
        default=None,
        description="The file of the certificate, PEM, chain included; set with http_key: HTTPS "
        "instead of HTTP.",
    )
    http_key: LocalPath | None = Field(
        default=None, description="The file of the certificate's private key, PEM."
    )
    http_allowed_origins: Annotated[tuple[str, ...], BeforeValidator(_origins)] = Field(
        default=(),
        description="Origins whose pages may ask, such as https://labels.example, separated by "
        "commas; unset: the worker's own pages only.",
    )
    http_access_log: bool = Field(
        default=True, description="Whether each request is a line in the log, with its id."
    )
    http_access_log_probes: bool = Field(
        default=False, description="Whether health probes are logged, too."
    )
    http_timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        description="Seconds in which a request must arrive and in which it is answered.",
    )

    @property
    def scheme(self) -> str:
        """Of the worker's URLs."""
        return "https" if self.http_certificate else "http"

    @model_validator(mode="after")
    def _check_key(self) -> Self:
        if (self.http_certificate is None) != (self.http_key is None):
            raise SettingsError("http_certificate and http_key: set both or neither.")
        return self
