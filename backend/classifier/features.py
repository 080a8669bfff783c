"""The features that a frozen backbone gives to images, without the framework that trained it."""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from backend.classifier.engines import OnnxEngine
from backend.classifier.feature_cache import FeatureCache
from backend.images.decoding import OnUnreadable, in_threads, input_batches
from backend.images.opening import ImageSource
from backend.images.preprocessing import PREPROCESSING_VERSION
from backend.networks.mobilenetv2.architecture import FEATURE_COUNT, HEAD_PREFIX

__all__ = ["Backbone", "Features"]

T = TypeVar("T")

_BATCH_SIZE = 16
_KEPT_TOGETHER = 16
"""Batches."""


class Features(NamedTuple):
    """What the backbone says of some images."""

    positions: list[int]
    """Of those images in the data, ascending."""
    values: NDArray[np.float32]
    """(N, 1280)."""


class Backbone:
    """A frozen backbone with its pooling, in ONNX Runtime, and a cache of what it said."""

    def __init__(
        self,
        weights: Mapping[str, NDArray[np.float32]],
        input_size: int,
        cache: FeatureCache | None = None,
    ) -> None:
        """Take the backbone of ``weights``, a whole MobileNetV2's.

        Args:
            weights: By parameter name.
            input_size: Side of the inputs in pixels.
            cache: Keeps the features of encoded images; not those of arrays and Pillow images.
        """
        self._weights = weights
        self._input_size = input_size
        self._cache = cache

    def features(
        self, images: Sequence[ImageSource], on_unreadable: OnUnreadable | None = None
    ) -> Features:
        """Return the features of all images, or with ``on_unreadable`` of those that are readable.

        Raises ImageError without it.
        """
        keys = self._keys(images)
        kept = self._cache.read(keys.values()) if self._cache else {}
        known = {position: kept[key] for position, key in keys.items() if key in kept}
        unknown = [position for position in range(len(images)) if position not in known]
        for some in _chunks(self._computed(images, unknown, on_unreadable), _KEPT_TOGETHER):
            new = {position: row for rows in some for position, row in rows.items()}
            known |= new
            if self._cache:
                self._cache.write({keys[each]: row for each, row in new.items() if each in keys})
        positions = sorted(known)
        values = [known[position] for position in positions]
        return Features(positions, np.array(values, np.float32).reshape(-1, FEATURE_COUNT))

    def _computed(
        self,
        images: Sequence[ImageSource],
        positions: Sequence[int],
        on_unreadable: OnUnreadable | None,
    ) -> Iterator[dict[int, NDArray[np.float32]]]:
        """Run the backbone; yield the features of each batch by their position."""
        if not positions:
            return
        # Only now: importing `onnx` takes time.
        from backend.networks.mobilenetv2.onnx_graph import backbone_model  # noqa: PLC0415

        engine = OnnxEngine(backbone_model(self._weights, self._input_size), "the frozen backbone")
        sources = [images[position] for position in positions]
        report = on_unreadable and (lambda at, error: on_unreadable(positions[at], error))
        for batch in input_batches(sources, self._input_size, _BATCH_SIZE, report):
            rows = zip(batch.positions, engine.run(batch.inputs), strict=True)
            yield {positions[at]: row for at, row in rows}

    def _keys(self, images: Sequence[ImageSource]) -> dict[int, bytes]:
        """Return the keys of the images that can have one, by position."""
        if self._cache is None:
            return {}
        context = self._digest()
        digests = in_threads(_content_digest, images)
        return {
            position: hashlib.sha256(context + digest).digest()
            for position, digest in enumerate(digests)
            if digest
        }

    def _digest(self) -> bytes:
        """Return a digest of all that makes an image's features but the image."""
        digest = hashlib.sha256(f"{PREPROCESSING_VERSION} {self._input_size}".encode())
        for name, weights in sorted(self._weights.items()):
            if not name.startswith(HEAD_PREFIX):
                digest.update(name.encode() + weights.tobytes())
        return digest.digest()


def _content_digest(source: ImageSource) -> bytes | None:
    """Return a digest of an encoded image, or None for what is none or cannot be read."""
    try:
        content = Path(source).read_bytes() if isinstance(source, str | os.PathLike) else source
    except OSError:
        return None
    return hashlib.sha256(content).digest() if isinstance(content, bytes) else None


def _chunks(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while chunk := list(islice(items, size)):
        yield chunk
