"""Objects in S3 or a store that speaks its protocol."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Self

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from backend.errors import SettingsError, TemporaryError
from backend.files import replaced_atomically
from workers.contract import Variable
from workers.storage.base import NotFoundError
from workers.storage.settings import DownloadSettings, S3Settings
from workers.urls import redacted

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

__all__ = ["S3Storage"]

_SCHEME = "s3://"
_REGION = "us-east-1"
_ATTEMPTS = 4
_LONGEST_LISTING = 100_000
_CHUNK_BYTES = 1 << 20
_SERVER_ERROR = 500
_MISSING = {"404", "NoSuchKey", "NoSuchBucket"}
_OTHER_REGION = {
    "301",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "PermanentRedirect",
}
_MAY_PASS = {"RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "429"}


class S3Storage:
    """``s3://<bucket>/<key>``."""

    def __init__(self, settings: S3Settings, limits: DownloadSettings) -> None:
        """Connect to nothing yet; raises SettingsError for a wrong S3_ENDPOINT_URL."""
        self._client = _client(settings)
        self._limits = limits

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return the storage of S3_ENDPOINT_URL; raises SettingsError."""
        limits = DownloadSettings.from_environment(environment)
        return cls(S3Settings.from_environment(environment), limits)

    def download(self, url: str, target: Path) -> int:
        """Write the object to ``target`` atomically; return its size in bytes."""
        bucket, key = _bucket_and_key(url)
        with _translated(url), replaced_atomically(target) as temporary:
            body = self._client.get_object(Bucket=bucket, Key=key)["Body"]
            with body, temporary.open("wb") as file:
                for chunk in self._limits.bounded(url, body.iter_chunks(_CHUNK_BYTES)):
                    file.write(chunk)
            return temporary.stat().st_size

    def upload(self, source: Path, url: str) -> None:
        """Write a local file to ``url`` atomically; files up to 5 GB."""
        bucket, key = _bucket_and_key(url)
        with _translated(url), source.open("rb") as file:
            self._client.put_object(Bucket=bucket, Key=key, Body=file)

    def list(self, folder: str) -> list[str]:
        """Return the URLs of all objects below a folder.

        Raises SettingsError if there are more than 100,000: a listing may never end.
        """
        bucket, _, key = folder[len(_SCHEME) :].rstrip("/").partition("/")
        with _translated(folder):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=f"{key}/" if key else ""
            )
            keys = (entry["Key"] for page in pages for entry in page.get("Contents", []))
            urls = [f"{_SCHEME}{bucket}/{key}" for key in islice(keys, _LONGEST_LISTING + 1)]
        if len(urls) > _LONGEST_LISTING:
            raise SettingsError(
                f"{folder}: contains more than {_LONGEST_LISTING} objects: use a folder of its own."
            )
        return urls


def _bucket_and_key(url: str) -> tuple[str, str]:
    bucket, _, key = url[len(_SCHEME) :].partition("/")
    if not bucket or not key:
        raise SettingsError(f"{url}: does not name an object: write s3://<bucket>/<key>.")
    return bucket, key


def _client(settings: S3Settings) -> "S3Client":
    key, secret = settings.access_key_id, settings.secret_access_key
    if (key is None) != (secret is None):
        missing = Variable.SECRET_ACCESS_KEY if secret is None else Variable.ACCESS_KEY_ID
        raise SettingsError(f"{missing} is not set: S3 needs both keys, or none for public data.")
    session = boto3.Session(
        aws_access_key_id=key.get_secret_value() if key else None,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
    )
    try:
        return session.client(
            "s3",
            endpoint_url=settings.s3_endpoint_url,
            region_name=session.region_name or _REGION,
            config=_config(settings),
        )
    except ValueError:
        raise SettingsError(
            f"{Variable.S3_ENDPOINT_URL}: is not a URL: write https://<host>:<port>."
        ) from None


def _config(settings: S3Settings) -> Config:
    config = Config(
        connect_timeout=10,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        # Stores other than Amazon's know neither newer checksums nor buckets as host names.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if settings.s3_endpoint_url else "auto"},
    )
    is_anonymous = settings.access_key_id is None
    return config.merge(Config(signature_version=UNSIGNED)) if is_anonymous else config


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise _answered(url, error) from None
    except ParamValidationError:
        raise SettingsError(
            f"{url}: is not the name of an object: write s3://<bucket>/<key>."
        ) from None
    except BotoCoreError as error:
        raise TemporaryError(
            f"{url}: S3 cannot be reached now ({type(error).__name__}: {redacted(str(error))})."
        ) from None


def _answered(url: str, error: ClientError) -> SettingsError | TemporaryError:
    code = str(error.response["Error"].get("Code", ""))
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    if status >= _SERVER_ERROR or code in _MAY_PASS:
        return TemporaryError(f"{url}: S3 answers {code} (status {status}) now.")
    if code in _MISSING:
        return NotFoundError(f"{url}: there is no such object ({code}): check bucket and key.")
    if code in _OTHER_REGION:
        headers = error.response["ResponseMetadata"].get("HTTPHeaders", {})
        region = headers.get("x-amz-bucket-region") or error.response["Error"].get("Region")
        return SettingsError(
            f"{url}: the bucket is in another region ({code}): set AWS_DEFAULT_REGION to"
            f" {region or 'its region'}."
        )
    return SettingsError(
        f"{url}: S3 refuses it with {code} (status {status}): check"
        f" {Variable.S3_ENDPOINT_URL}, {Variable.ACCESS_KEY_ID} and {Variable.SECRET_ACCESS_KEY}."
    )
