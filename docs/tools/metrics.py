"""The page of metrics: what the workers report, and what Prometheus reads."""

import ast
from collections.abc import Iterator
from inspect import getdoc
from pathlib import Path

import numpy as np
from prometheus_client.core import Metric

import workers.infer
from backend.metrics import classification_metrics
from backend.mobilenetv2 import MobileNetV2Estimator, TinyMSMobileNetV2
from docs.tools.markdown import code, page, prose, table
from workers.incremental import IncrementalLearning
from workers.infer.metrics import Metrics
from workers.infer.model import ModelSlot, ServedModel
from workers.infer.settings import ServingSettings

__all__ = ["metrics_page"]

_ENVIRONMENT = {
    "JOB_NAME": "job",
    "WORKER_NAME": "worker",
    "MODEL_URL": "/model.onnx",
    "class_names": "croissant,dog",
    "BACKEND_TYPE": "TINYMS",
}
_ANSWERS = 1000
_REPORTED = """\
## In a report to the LocalController

Every metric is a list, and [a trigger indexes it](../how-to/triggers.md): `accuracy[0]`,
`recall[1]` (the second class of `class_names`), `accuracy_delta[0]` (candidate minus deployed).

Of N samples and C classes, the eval worker reports these for each model."""
_BESIDE = """\
Both workers report `unreadable` [1]: how many of the round's samples were left out because their
images could not be read; more than `unreadable_share` fail the round.

From a job's second round on the eval worker also reports `forgetting` [1], -1 to 1: the accuracy
that an earlier round's own model had on that round's held-out samples, minus the judged model's
on the same ones, as the mean over the earlier rounds; below 0 it has learnt. At most
`forgetting_samples` are judged again, and 0 turns it off. Where the eval worker sees only
downloads of models in S3, it is not reported."""
_SERVED = """\
## For Prometheus

`GET /metrics` of an inference worker that has an `http_port`, beside `process_*` of the process
itself. A counter's name ends in `_total` when it is read, a histogram's in `_bucket`, `_sum` and
`_count`."""


def metrics_page() -> str:
    """Return the page."""
    trained = prose(getdoc(MobileNetV2Estimator.train)).split("Returns:")[1].split("Raises:")[0]
    return page(
        "Metrics",
        _REPORTED,
        prose(getdoc(classification_metrics)).split("\n\n", 1)[1],
        _BESIDE,
        f"The train worker reports of the training itself: {' '.join(trained.split())}",
        _SERVED,
        table(["metric", "type", "labels", "meaning"], _rows()),
    )


def _rows() -> Iterator[tuple[str, str, str, str]]:
    rows = [(each.name, each.type, _labels(each), each.documentation) for each in _families()]
    rows += [(name, "gauge", "", meaning) for name, meaning in _watched()]
    for name, kind, labels, meaning in sorted(rows):
        yield code(name), kind, labels, meaning


def _labels(family: Metric) -> str:
    labels = {name for sample in family.samples for name in sample.labels} - {"le"}
    return ", ".join(map(code, sorted(labels)))


def _watched() -> Iterator[tuple[str, str]]:
    """Yield name and meaning of the gauges that a running worker adds by `Metrics.watch`."""
    for file in Path(workers.infer.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr="watch"),
                    args=[ast.Constant(str(name)), ast.Constant(str(meaning)), _],
                ):
                    yield name, meaning


def _families() -> list[Metric]:
    """Return every metric that a worker has once it has answered enough to tell drift."""
    settings = ServingSettings.from_environment(_ENVIRONMENT)
    estimator = TinyMSMobileNetV2(settings.class_names)
    incremental = IncrementalLearning(estimator, settings=settings)
    slot = ModelSlot(settings)
    slot.served = ServedModel(estimator, incremental, version="", batch_size=1)
    metrics = Metrics(slot, settings.class_names)
    metrics.count_request("classify", 200)
    with metrics.timing("classify"):
        metrics.count_answers(slot.served, np.full((_ANSWERS, 2), 0.5, np.float32), [])
    families = metrics.registry.collect()
    return [each for each in families if not each.name.startswith("process_")]
