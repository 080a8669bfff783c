"""The metrics of a running inference worker, for Prometheus."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Lock
from time import perf_counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from workers.contract import WorkerStatus
from workers.infer.drift import ConfidenceDrift
from workers.infer.model import ModelSlot, ServedModel

__all__ = ["Answered", "ServingMetrics"]

_SECONDS = (0.001, 0.002, 0.004, 0.006, 0.01, 0.02, 0.04, 0.08, 0.16, 0.3, 0.6, 1.2, 2.5, 5, 10)
_IMAGES = (1, 2, 4, 8, 16, 32, 64)
_CONFIDENCES = tuple(tenth / 10 for tenth in range(1, 11))


class Answered(NamedTuple):
    """What a worker has answered since it started."""

    succeeded: int
    """Requests."""
    failed: int
    images: int
    batches: int
    nanoseconds: int
    """Total time of all requests."""


class ServingMetrics:
    """Counts the worker's requests, answers and updates. Threads may share it."""

    def __init__(self, slot: ModelSlot) -> None:
        """Start at zero; the slot has the model."""
        self.registry = CollectorRegistry()
        self._drift = _ModelDrift()
        self._requests = Counter(
            "inference_requests",
            "Requests by status.",
            ["endpoint", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "inference_request_seconds",
            "Time from a request's head to its answer.",
            ["endpoint"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._batches = Histogram(
            "inference_batch_images", "Images in a batch.", buckets=_IMAGES, registry=self.registry
        )
        self._batch_seconds = Histogram(
            "inference_batch_seconds",
            "Time in which the network computes a batch.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._images = Counter(
            "inference_images",
            "Images by predicted class.",
            ["label"],
            registry=self.registry,
        )
        self._hard = Counter(
            "inference_hard_images", "Images that were hard.", registry=self.registry
        )
        self._confidence = Histogram(
            "inference_confidence",
            "Probability of the likeliest class.",
            buckets=_CONFIDENCES,
            registry=self.registry,
        )
        self._updates = Counter(
            "inference_model_updates",
            "Hot updates by outcome.",
            ["outcome"],
            registry=self.registry,
        )
        for status in WorkerStatus:
            self._updates.labels(status)
        ProcessCollector(registry=self.registry)
        self.registry.register(_ModelCollector(slot, self._drift))

    def watch(self, name: str, documentation: str, value: Callable[[], float]) -> None:
        """Show ``value()`` as a gauge."""
        Gauge(name, documentation, registry=self.registry).set_function(value)

    @contextmanager
    def timing(self, endpoint: str) -> Iterator[None]:
        """Time the block."""
        start = perf_counter()
        try:
            yield
        finally:
            self._seconds.labels(endpoint).observe(perf_counter() - start)

    def count_request(self, endpoint: str, status: int) -> None:
        """Count an answered request."""
        self._requests.labels(endpoint, str(status)).inc()

    @contextmanager
    def timing_batch(self, images: int) -> Iterator[None]:
        """Time the block, in which the network computes a batch, and count it."""
        self._batches.observe(images)
        with self._batch_seconds.time():
            yield

    def count_answers(
        self, model: ServedModel, probabilities: NDArray[np.float32], hard: Sequence[bool]
    ) -> None:
        """Count answered images: probabilities (N, C), and whether each is hard."""
        confidences = probabilities.max(axis=1).astype(np.float64)
        for row, confidence in zip(probabilities, confidences, strict=True):
            self._images.labels(model.label(row)).inc()
            self._confidence.observe(confidence)
        self._hard.inc(sum(hard))
        self._drift.add(model, confidences)

    def count_update(self, outcome: WorkerStatus) -> None:
        """Count a hot update."""
        self._updates.labels(outcome).inc()

    def answered(self) -> "Answered":
        """Return the counts so far."""
        every = _sum(self._requests, "_total")
        succeeded = _sum(self._requests, "_total", succeeded=True)
        return Answered(
            succeeded=int(succeeded),
            failed=int(every - succeeded),
            images=int(_sum(self._images, "_total")),
            batches=int(_sum(self._batches, "_count")),
            nanoseconds=round(_sum(self._seconds, "_sum") * 1e9),
        )

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self.registry)


def _sum(metric: Collector, suffix: str, *, succeeded: bool = False) -> float:
    """Return the sum of a metric's samples, or only of those for successful answers."""
    samples = (sample for each in metric.collect() for sample in each.samples)
    return sum(
        sample.value
        for sample in samples
        if sample.name.endswith(suffix)
        and (not succeeded or sample.labels["status"].startswith("2"))
    )


class _ModelDrift:
    """The drift of the model that answers; it starts over with another model."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._version = ""
        self._drift: ConfidenceDrift | None = None

    def add(self, model: ServedModel, confidences: NDArray[np.float64]) -> None:
        with self._lock:
            if model.version != self._version:
                self._version = model.version
                class_count = len(model.class_names)
                self._drift = ConfidenceDrift(class_count, model.evaluated_confidence)
            if self._drift:
                self._drift.add(confidences)

    def samples(self) -> Iterator[tuple[str, float]]:
        """Yield the reference's name and the index, once there is one."""
        with self._lock:
            index = self._drift.index if self._drift else None
            if self._drift and index is not None:
                yield ("evaluation" if self._drift.is_of_evaluation else "first_answers"), index


class _ModelCollector:
    """Reads the model's state when Prometheus scrapes."""

    def __init__(self, slot: ModelSlot, drift: _ModelDrift) -> None:
        self._slot = slot
        self._drift = drift

    def collect(self) -> Iterator[Metric]:
        model = self._slot.served
        if model is None:
            return
        version = {"version": model.version}
        yield InfoMetricFamily("inference_model", "The model that answers.", version)
        age = (datetime.now(UTC) - model.loaded).total_seconds()
        yield GaugeMetricFamily("inference_model_age_seconds", "Since it was loaded.", age)
        drift = GaugeMetricFamily(
            "inference_drift_psi",
            "Population stability index of its latest 500 confidences against its evaluation's; "
            "without those of 100 images or more, against its first 500.",
            labels=["reference"],
        )
        for reference, index in self._drift.samples():
            drift.add_metric([reference], index)
        yield drift
