"""The part of a network that is not trained: it runs once for each image, in ONNX Runtime."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.classifier.activation_cache import ActivationCache
from backend.classifier.engines import OnnxEngine
from backend.images.decoding import OnUnreadable, RandomCrops, in_threads, input_batches
from backend.images.opening import ImageSource
from backend.images.preprocessing import PREPROCESSING_VERSION, InputFormat

__all__ = ["Activations", "FrozenPart"]

_BATCH_SIZE = 16
_LARGEST = np.finfo(np.float16).max


class Activations(NamedTuple):
    """What the first trained cell takes, for some images."""

    positions: list[int]
    """Of those images in the data, ascending; then of the copies."""
    values: NDArray[np.float16]
    """(N, V, ...): of each image, and with V 2 of its mirror image, too."""


class FrozenPart:
    """The first part of a classifier, in ONNX Runtime, and a cache of its outputs."""

    def __init__(
        self,
        classifier: bytes,
        first_trained: str,
        input_format: InputFormat,
        cache_folder: Path | None,
        size: int,
        *,
        is_varied: bool,
    ) -> None:
        """Take what comes before ``first_trained`` in an ONNX model.

        Args:
            classifier: The model; its initializers have the parameters' names.
            first_trained: The name of the first cell that is trained. Nothing before it may be
                an input of anything after it.
            input_format: What the model takes.
            cache_folder: Keeps the outputs for encoded images; not those for arrays and Pillow
                images. None: nothing is kept.
            size: MiB that the cache may take.
            is_varied: Whether it also runs for mirror images and random crops.
        """
        self._model = _before(classifier, first_trained)
        self._input_format = input_format
        self._is_varied = is_varied
        what = f"{PREPROCESSING_VERSION} {input_format} {is_varied}"
        context = hashlib.sha256(what.encode() + self._model)
        self._cache = cache_folder and ActivationCache(cache_folder, size, context.hexdigest())

    def activations(
        self,
        images: Sequence[ImageSource],
        on_unreadable: OnUnreadable | None = None,
        copied: Sequence[int] = (),
        seed: int = 0,
    ) -> Activations:
        """Return those of all images, or with ``on_unreadable`` of those that are readable.

        Behind them come, if the images are varied, those of the readable ones at ``copied``, in
        random crops that the seed decides.

        Raises ImageError without ``on_unreadable``.
        """
        keys = list(in_threads(_content_digest, images)) if self._cache else [b""] * len(images)
        kept = self._cache.read() if self._cache else {}
        known = {at: kept[key] for at, key in enumerate(keys) if key in kept}
        unknown = [position for position in range(len(images)) if position not in known]
        computed = self._computed(images, unknown, on_unreadable)
        if self._cache and computed:
            known_keys = {keys[at]: row for at, row in (known | computed).items() if keys[at]}
            self._cache.write(kept | known_keys)
        known |= computed
        positions = sorted(known)
        values = [known[position] for position in positions]
        if self._is_varied:
            copies = [position for position in copied if position in known]
            crops = self._run(RandomCrops([images[at] for at in copies], seed), None)
            positions += copies
            values += crops.values()
        return Activations(positions, np.stack(values) if values else np.empty((0, 0), np.float16))

    def _computed(
        self,
        images: Sequence[ImageSource],
        positions: Sequence[int],
        on_unreadable: OnUnreadable | None,
    ) -> dict[int, NDArray[np.float16]]:
        """Return the activations of each image at ``positions`` that can be read."""
        sources = [images[position] for position in positions]
        report = on_unreadable and (lambda at, error: on_unreadable(positions[at], error))
        return {positions[at]: row for at, row in self._run(sources, report).items()}

    def _run(
        self, images: Sequence[ImageSource], on_unreadable: OnUnreadable | None
    ) -> dict[int, NDArray[np.float16]]:
        """Return the activations of each image that can be read, in the images' order."""
        if not images:
            return {}
        engine = OnnxEngine(self._model, "the frozen part")
        computed: dict[int, NDArray[np.float16]] = {}
        for batch in input_batches(images, self._input_format, _BATCH_SIZE, on_unreadable):
            views = [batch.inputs, batch.inputs[..., ::-1]][: 1 + self._is_varied]
            answers = np.stack([engine.run(view) for view in views], axis=1)
            rows = answers.clip(-_LARGEST, _LARGEST).astype(np.float16)
            computed.update(zip(batch.positions, rows, strict=True))
        return computed


def _before(classifier: bytes, first_trained: str) -> bytes:
    """Return the part of the model that gives what the cell of that name takes."""
    import onnx  # noqa: PLC0415 - serving needs none

    model = onnx.load_from_string(classifier)
    graph = model.graph
    names = (node.input[0] for node in graph.node if _is_of(first_trained, node.input))
    output = next(names)
    needed, nodes = {output}, []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            nodes.append(node)
    weights = [each for each in graph.initializer if each.name in needed]
    del graph.node[:], graph.initializer[:], graph.output[:]
    graph.node.extend(reversed(nodes))
    graph.initializer.extend(weights)
    graph.output.append(onnx.helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None))
    return bytes(model.SerializeToString())


def _is_of(cell: str, inputs: Sequence[str]) -> bool:
    return any(name.startswith(f"{cell}.") for name in inputs)


def _content_digest(source: ImageSource) -> bytes:
    """Return a digest of an encoded image, or nothing for what is none or cannot be read."""
    try:
        content = Path(source).read_bytes() if isinstance(source, str | os.PathLike) else source
    except OSError:
        return b""
    return hashlib.sha256(content).digest() if isinstance(content, bytes) else b""
