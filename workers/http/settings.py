"""Settings for the address on which a worker listens, and for its clients."""

import re
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from backend.errors import SettingsError
from workers.environment import EnvironmentSettings, LocalPath

__all__ = ["HttpSettings"]


_ORIGIN = re.compile(r"https?://[\w.:\[\]-]+")


def _token(value: object) -> object:
    if not str(value).isascii():
        raise ValueError("expected ASCII characters, because it is sent in a header")
    return value


def _origins(value: object) -> list[str]:
    origins = [part.strip().rstrip("/") for part in str(value).split(",") if part.strip()]
    if not all(_ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError("expected origins such as https://labels.example:8080")
    return origins


class HttpSettings(EnvironmentSettings):
    """The address on which a worker listens, and its clients."""

    http_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="The port for HTTP. Unset: no HTTP; 0: any free port, which the log names. "
        "Pods share their node's ports, so give each job on a node its own.",
    )
    http_host: str = Field(
        default="127.0.0.1",
        description="The address to listen on. The default accepts clients on this node only; "
        "0.0.0.0 means all addresses.",
    )
    http_token: Annotated[SecretStr, BeforeValidator(_token)] | None = Field(
        default=None,
        description="The token that clients send as `Authorization: Bearer ...`. Unset: no token "
        "is needed.",
    )
    http_certificate: LocalPath | None = Field(
        default=None,
        description="The certificate file, in PEM format and including the chain. Set together "
        "with http_key, it replaces HTTP by HTTPS.",
    )
    http_key: LocalPath | None = Field(
        default=None, description="The file of the certificate's private key, in PEM format."
    )
    http_allowed_origins: Annotated[tuple[str, ...], BeforeValidator(_origins)] = Field(
        default=(),
        description="Origins whose pages may send requests, such as https://labels.example, "
        "separated by commas. Unset: only the worker's own pages.",
    )
    http_access_log: bool = Field(
        default=True, description="Whether to log each request in one line, with its id."
    )
    http_access_log_probes: bool = Field(
        default=False, description="Whether to log health probes, too."
    )
    http_timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        description="Seconds within which a request must arrive, and then be answered.",
    )

    @property
    def scheme(self) -> str:
        """The scheme of the worker's URLs."""
        return "https" if self.http_certificate else "http"

    @model_validator(mode="after")
    def _check_key(self) -> Self:
        if (self.http_certificate is None) != (self.http_key is None):
            raise SettingsError("http_certificate and http_key: set both or neither.")
        return self
