"""The first models: one to train on, one to serve."""

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path

from backend.errors import ModelFileError
from workers.learning.estimators import make_estimator
from workers.prepare.settings import ModelSettings
from workers.storage import Mirror, make_folder, redacted

__all__ = ["prepare_models"]

_log = logging.getLogger(__name__)


def prepare_models(environment: Mapping[str, str]) -> None:
    """Put the initial and the deploy model where they are missing, both of the same weights.

    They come from the one that is there already, else from ``initial_model_source``, else they
    are drawn at random. Raises SettingsError or ModelFileError for a source that does not do.
    """
    settings = ModelSettings.from_environment(environment)
    urls = (settings.initial_model_url, settings.deploy_model_url)
    missing = [url for url in urls if not url.exists()]
    if not missing:
        _log.info("both models are there: nothing to do")
        return
    estimator = make_estimator(settings)
    mirror = Mirror(environment)
    source = next((url for url in urls if url.exists()), None) or _source(settings, mirror)
    if source:
        estimator.load(source)
    for url in missing:
        make_folder(url.parent, str(url))
        estimator.save(url)
        _log.info("%s: written, from %s", url, source or "random weights")


def _source(settings: ModelSettings, mirror: Mirror) -> Path | None:
    """Return the local path of the source, if there is one, with its checksum verified."""
    url = settings.initial_model_source
    if url is None:
        return None
    path = mirror.fetch(mirror.path(url), "initial_model_source")
    if settings.initial_model_sha256:
        _verify(path, settings.initial_model_sha256, url)
    return path


def _verify(path: Path, expected: str, url: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise ModelFileError(
            f"initial_model_source={redacted(url)}: its SHA-256 is {found}, not {expected}: check"
            " the URL, or correct initial_model_sha256."
        )
