"""Where a worker listens, and whom it answers."""

from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr

from workers.environment import EnvironmentSettings

__all__ = ["HttpSettings"]


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
