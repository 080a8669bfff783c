"""How remote storage is reached, and what bounds a download."""

from typing import Annotated

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, SecretStr

from workers.contract import Variable
from workers.environment import EnvironmentSettings
from workers.storage.downloads import DownloadLimits

__all__ = ["DownloadSettings", "S3Settings"]


def _endpoint(value: object) -> str:
    text = str(value)
    return text if "://" in text else f"https://{text}"


class S3Settings(EnvironmentSettings):
    """How to reach S3; the GlobalManager takes it from the secret of ``credentialName``."""

    s3_endpoint_url: Annotated[str, BeforeValidator(_endpoint)] | None = Field(
        default=None,
        validation_alias=Variable.S3_ENDPOINT_URL,
        description="The store's URL; https:// where it names no scheme. Unset: Amazon's S3.",
    )
    access_key_id: SecretStr | None = Field(
        default=None,
        validation_alias=Variable.ACCESS_KEY_ID,
        description="The access key. Unset: without a signature, for public data.",
    )
    secret_access_key: SecretStr | None = Field(
        default=None,
        validation_alias=Variable.SECRET_ACCESS_KEY,
        description="The access key's secret.",
    )


class DownloadSettings(EnvironmentSettings):
    """What bounds a download from S3 or HTTP."""

    download_limit_mib: PositiveInt = Field(
        default=4096, description="MiB that a downloaded file may have, after decompression."
    )
    download_seconds: PositiveFloat = Field(
        default=3600.0, description="Seconds that the download of one file may take."
    )

    @property
    def limits(self) -> DownloadLimits:
        """The limits."""
        return DownloadLimits(self.download_limit_mib, self.download_seconds)
