"""The labelling worker: serves the page until it is stopped."""

import logging
from collections.abc import Mapping
from threading import Event

from workers.http.security import warn_if_open
from workers.http.server import listen, serving
from workers.label.app import make_app
from workers.label.dataset import LabelledFolder
from workers.label.examples import ExampleFolder
from workers.label.labelling import Labelling
from workers.label.settings import LabelSettings
from workers.storage import make_folder

__all__ = ["label"]

_log = logging.getLogger(__name__)


def label(environment: Mapping[str, str], stop: Event) -> None:
    """Serve until ``stop`` is set, then add pending labels to the dataset.

    Raises SettingsError for an invalid variable.
    """
    settings = LabelSettings.from_environment(environment)
    make_folder(settings.he_saved_url, "HE_SAVED_URL")
    dataset = LabelledFolder(settings.original_dataset_url)
    make_folder(dataset.folder, "ORIGINAL_DATASET_URL")
    examples = ExampleFolder(settings.he_saved_url)
    labelling = Labelling(
        examples,
        dataset,
        settings.class_names,
        batch=settings.label_batch,
        is_diverse=settings.label_order == "diverse",
    )
    warn_if_open(settings)
    listener = listen(settings.http_host, settings.http_port)
    app = make_app(settings, labelling, examples)
    with serving(
        app,
        listener,
        stop=stop,
        grace_seconds=settings.http_timeout_seconds,
        certificate=settings.http_certificate,
        key=settings.http_key,
    ):
        host, port = listener.getsockname()[:2]
        _log.info("open %s://%s:%d/ to label hard examples", settings.scheme, host, port)
        stop.wait()
    labelling.save()
