"""The settings of the cleaner, most of them set by the kubelet."""

from pathlib import Path

from pydantic import Field

from workers.environment import EnvironmentSettings

__all__ = ["CleanSettings"]


class CleanSettings(EnvironmentSettings):
    """Where the API is, and who asks."""

    host: str = Field(
        validation_alias="KUBERNETES_SERVICE_HOST", description="The API server's address."
    )
    port: int = Field(
        validation_alias="KUBERNETES_SERVICE_PORT", description="The API server's port."
    )
    account: Path = Field(
        default=Path("/var/run/secrets/kubernetes.io/serviceaccount"),
        description="The folder with the account's token, ca.crt and namespace.",
    )
    ended_seconds: float = Field(
        default=20.0,
        ge=0,
        description="Seconds since a pod's end, so that the GlobalManager has seen it.",
    )
