"""The features that a frozen backbone gives to images, without the framework that trained it."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.classifier.engines import OnnxEngine
from backend.classifier.feature_cache import FeatureCache
from backend.images.decoding import OnUnreadable, in_threads, input_batches
from backend.images.opening import ImageSource
from backend.images.preprocessing import PREPROCESSING_VERSION, InputFormat
from backend.models.onnx_values import FEATURES

__all__ = ["Backbone", "Features"]

_BATCH_SIZE = 16


class Features(NamedTuple):
    """What the backbone says of some images."""

    positions: list[int]
    """Of those images in the data, ascending."""
    values: NDArray[np.float32]
    """(N, F)."""


class Backbone:
    """A classifier without its head, in ONNX Runtime, and a cache of what it said."""

    def __init__(
        self, classifier: bytes, input_format: InputFormat, cache_folder: Path | None, size: int
    ) -> None:
        """Take the backbone of an ONNX model with the output ``features``.

        Args:
            classifier: The model.
            input_format: What it takes.
            cache_folder: Keeps the features of encoded images; not those of arrays and Pillow
                images. None: nothing is kept.
            size: MiB that the cache may take.
        """
        self._model = _without_head(classifier)
        self._input_format = input_format
        context = hashlib.sha256(f"{PREPROCESSING_VERSION} {input_format}".encode() + self._model)
        self._cache = cache_folder and FeatureCache(cache_folder, size, context.hexdigest())

    def features(
        self, images: Sequence[ImageSource], on_unreadable: OnUnreadable | None = None
    ) -> Features:
        """Return the features of all images, or with ``on_unreadable`` of those that are readable.

        Raises ImageError without it.
        """
        keys = list(in_threads(_content_digest, images)) if self._cache else [b""] * len(images)
        kept = self._cache.read() if self._cache else {}
        known = {at: kept[key] for at, key in enumerate(keys) if key in kept}
        unknown = [position for position in range(len(images)) if position not in known]
        known |= self._computed(images, unknown, on_unreadable)
        if self._cache:
            self._cache.write(kept | {keys[at]: row for at, row in known.items() if keys[at]})
        positions = sorted(known)
        values = [known[position] for position in positions]
        return Features(positions, np.stack(values) if values else np.empty((0, 0), np.float32))

    def _computed(
        self,
        images: Sequence[ImageSource],
        positions: Sequence[int],
        on_unreadable: OnUnreadable | None,
    ) -> dict[int, NDArray[np.float32]]:
        """Run the backbone; return the features of each image by its position."""
        if not positions:
            return {}
        engine = OnnxEngine(self._model, "the frozen backbone")
        sources = [images[position] for position in positions]
        report = on_unreadable and (lambda at, error: on_unreadable(positions[at], error))
        computed = {}
        for batch in input_batches(sources, self._input_format, _BATCH_SIZE, report):
            rows = zip(batch.positions, engine.run(batch.inputs), strict=True)
            computed.update({positions[at]: row for at, row in rows})
        return computed


def _without_head(classifier: bytes) -> bytes:
    """Return the part of the model that gives the features."""
    import onnx  # noqa: PLC0415 - serving needs none

    model = onnx.load_from_string(classifier)
    graph = model.graph
    (head,) = (node for node in graph.node if FEATURES in node.input)
    graph.node.remove(head)
    for weight in [each for each in graph.initializer if each.name in head.input]:
        graph.initializer.remove(weight)
    for output in [each for each in graph.output if each.name != FEATURES]:
        graph.output.remove(output)
    return bytes(model.SerializeToString())


def _content_digest(source: ImageSource) -> bytes:
    """Return a digest of an encoded image, or nothing for what is none or cannot be read."""
    try:
        content = Path(source).read_bytes() if isinstance(source, str | os.PathLike) else source
    except OSError:
        return b""
    return hashlib.sha256(content).digest() if isinstance(content, bytes) else b""
