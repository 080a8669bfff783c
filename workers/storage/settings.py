"""How remote storage is reached, and what bounds a download."""

import time
from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, SecretStr

from backend.errors import SettingsError, TemporaryError
from workers.contract import Variable
from workers.environment import EnvironmentSettings
from workers.urls import redacted

__all__ = ["DownloadSettings", "S3Settings"]

_MEBIBYTE = 1024**2


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
    """What bounds a download: a server that never stops sending fills the disk or never ends."""

    download_limit_mib: PositiveInt = Field(
        default=4096, description="MiB that a downloaded file may have, after decompression."
    )
    download_seconds: PositiveFloat = Field(
        default=3600.0, description="Seconds that the download of one file may take."
    )

    def bounded(self, url: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield a file's content as it arrives.

        Raises SettingsError if the file is too large, TemporaryError if it takes too long.
        """
        deadline = time.monotonic() + self.download_seconds
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > self.download_limit_mib * _MEBIBYTE:
                raise SettingsError(
                    f"{redacted(url)}: is larger than download_limit_mib={self.download_limit_mib}:"
                    " check the URL, or raise the limit."
                )
            if time.monotonic() > deadline:
                raise TemporaryError(
                    f"{redacted(url)}: not complete after download_seconds="
                    f"{self.download_seconds:g}."
                )
            yield chunk
