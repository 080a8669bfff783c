"""What the server answers, independent of HTTP: the Open Inference Protocol and pictures."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from numpy.typing import NDArray

from workers.data.answers import HardExample, packed_features
from workers.http.capacity import Capacity
from workers.http.refusals import RequestError, UnknownModelError
from workers.infer.batching import Batcher, Scores
from workers.infer.images import ImageReader
from workers.infer.metrics import ServingMetrics
from workers.infer.model import ModelSlot, ServedModel
from workers.infer.protocol import (
    InferenceRequest,
    InferenceResponse,
    ModelMetadata,
    ModelVersion,
    ServerMetadata,
    TensorMessage,
)
from workers.infer.recording import HardExampleRecorder
from workers.infer.settings import InferSettings
from workers.infer.tensors import Tensor

__all__ = ["INPUT", "PICTURE", "DataPlane"]

Array = NDArray[np.float32]

_NO_FEATURES = np.empty(0, np.float32)

SERVER_NAME = "sedna-tinyms"
INPUT = "input"
"""The input for the network's own tensors: FP32 [N, 3, S, S]."""
PICTURE = "image"
"""The input for encoded pictures: BYTES [N]."""
_PLATFORM = "onnx_onnxv1"
_EXTENSIONS = ("binary_tensor_data", "classification", "model_configuration", "statistics")


class DataPlane:
    """Answers requests to one model, within one event loop."""

    def __init__(
        self,
        settings: InferSettings,
        slot: ModelSlot,
        batcher: Batcher[ServedModel],
        images: ImageReader,
        metrics: ServingMetrics,
        *,
        capacity: Capacity,
        recorder: HardExampleRecorder | None,
        is_ending: Callable[[], bool],
    ) -> None:
        """Serve what the slot holds.

        Args:
            settings: The model's name, classes and input size.
            slot: The model.
            batcher: Runs it.
            images: Decodes pictures.
            metrics: Count the answers.
            capacity: How many images may wait at a time.
            recorder: Keeps hard examples; None: they are not kept.
            is_ending: Whether the worker has been told to end.
        """
        self._settings = settings
        self._slot = slot
        self._batcher = batcher
        self._images = images
        self._metrics = metrics
        self._capacity = capacity
        self._recorder = recorder
        self._is_ending = is_ending

    @property
    def is_ready(self) -> bool:
        """Whether to send requests here: a warm model is loaded and the worker is not ending.

        An ending worker still answers the requests that have reached it.
        """
        return self._slot.served is not None and not self._is_ending()

    def is_model_ready(self, name: str, version: str | None) -> bool:
        """Whether that model would answer; raises UnknownModelError if it does not exist."""
        self._check_name(name)
        if self.is_ready:
            self._check_version(version, self._slot.required)
        return self.is_ready

    def server_metadata(self) -> ServerMetadata:
        """Describe the server."""
        return ServerMetadata(name=SERVER_NAME, version=_version(), extensions=list(_EXTENSIONS))

    def model_metadata(self, name: str, version: str | None) -> ModelMetadata:
        """Describe the model; raises UnknownModelError or NotReadyError."""
        self._check_name(name)
        model = self._slot.required
        self._check_version(version, model)
        shape, classes = self._settings.input_format.shape, len(model.class_names)
        return ModelMetadata(
            name=name,
            versions=[model.version],
            platform=_PLATFORM,
            inputs=[
                TensorMessage(name=INPUT, datatype="FP32", shape=[-1, *shape]),
                TensorMessage(name=PICTURE, datatype="BYTES", shape=[-1]),
            ],
            outputs=[
                TensorMessage(name="probabilities", datatype="FP32", shape=[-1, classes]),
                TensorMessage(name="label", datatype="BYTES", shape=[-1]),
                TensorMessage(name="hard", datatype="BOOL", shape=[-1]),
            ],
        )

    def model_config(self, name: str, version: str | None) -> dict[str, object]:
        """Describe the model in the form of Triton; raises what `model_metadata` does."""
        metadata = self.model_metadata(name, version)
        described = {
            "input": [_tensor_config(each) for each in metadata.inputs],
            "output": [_tensor_config(each) for each in metadata.outputs],
        }
        return {
            "name": name,
            "platform": metadata.platform,
            "backend": "onnxruntime",
            "version_policy": {"latest": {"num_versions": 1}},
            "max_batch_size": 0,  # shapes include the batch dimension
            **described,
        }

    def statistics(self, name: str, version: str | None) -> dict[str, object]:
        """Return the counts of answers as Triton's statistics; an empty name means any model.

        Raises UnknownModelError or NotReadyError.
        """
        self._check_model(name or self._settings.served_name, version)
        counted = self._metrics.answered()
        return {
            "model_stats": [
                {
                    "name": self._settings.served_name,
                    "version": self._slot.required.version,
                    "inference_count": counted.images,
                    "execution_count": counted.batches,
                    "inference_stats": {
                        "success": {"count": counted.succeeded, "ns": counted.nanoseconds},
                        "fail": {"count": counted.failed, "ns": 0},
                    },
                }
            ]
        }

    def repository_index(self) -> list[dict[str, str]]:
        """List the models: the one that is or will be served."""
        model = self._slot.served
        state = {"state": "READY" if self.is_ready else "UNAVAILABLE", "reason": ""}
        return [
            {"name": self._settings.served_name, "version": model.version if model else "", **state}
        ]

    def rollback(self, name: str) -> ModelVersion:
        """Return to the previous model. Raises RequestError if there is none."""
        self._check_name(name)
        return ModelVersion(name=name, version=self._slot.rollback().version)

    async def infer(
        self, name: str, version: str | None, request: InferenceRequest
    ) -> InferenceResponse:
        """Classify a request's tensor or pictures.

        Raises RequestError, ImageError, OverloadedError or NotReadyError.
        """
        self._check_model(name, version)
        tensor = _only(request.inputs)
        if tensor.name == INPUT:
            scores, hard = await self._classify_inputs(self._checked_inputs(tensor))
        else:
            scores, hard = await self._classify_pictures(_checked_pictures(tensor), "request")
        self._check_version(version, scores.model)
        labels = [scores.model.label(row).encode() for row in scores.probabilities]
        return InferenceResponse(
            model_name=name,
            model_version=scores.model.version,
            id=request.id,
            outputs=(
                Tensor("probabilities", scores.probabilities),
                Tensor("label", np.array(labels, dtype=object)),
                Tensor("hard", np.array(hard, dtype=bool)),
            ),
            class_names=scores.model.class_names,
        )

    async def classify(self, picture: bytes, name: str) -> HardExample:
        """Classify one encoded picture; ``name`` is its file name, for the hard examples.

        Raises what `infer` does.
        """
        self._check_model(self._settings.served_name, None)
        scores, (hard,) = await self._classify_pictures([picture], name)
        return self._example(name, scores.model, scores.probabilities[0], hard)

    async def _classify_inputs(self, inputs: Array) -> tuple[Scores[ServedModel], list[bool]]:
        with self._capacity.taken(len(inputs)):
            return self._judge(await self._batcher.submit(inputs))

    async def _classify_pictures(
        self, pictures: Sequence[bytes], name: str
    ) -> tuple[Scores[ServedModel], list[bool]]:
        with self._capacity.taken(len(pictures)):
            decoded = [await self._images.read(each) for each in pictures]
            inputs = np.stack([each.input for each in decoded])
            scores, hard = self._judge(await self._batcher.submit(inputs))
        for number, is_hard in enumerate(hard):
            if is_hard and self._recorder:
                row, features = scores.probabilities[number], scores.features[number]
                example = self._example(name, scores.model, row, is_hard, features)
                file = f"{name.rpartition('.')[0] or name}{decoded[number].suffix}"
                self._recorder.record(file, pictures[number], example)
        return scores, hard

    def _judge(self, scores: Scores[ServedModel]) -> tuple[Scores[ServedModel], list[bool]]:
        probabilities, model, _ = scores
        if not np.isfinite(probabilities).all():
            raise RequestError(
                f"Input {INPUT}: the values are so large that the network's outputs are not finite."
            )
        hard = [model.is_hard(row) for row in probabilities]
        self._metrics.count_answers(model, probabilities, hard)
        return scores, hard

    def _example(
        self, name: str, model: ServedModel, row: Array, hard: bool, features: Array = _NO_FEATURES
    ) -> HardExample:
        return HardExample(
            image=name,
            time=datetime.now(UTC),
            label=model.label(row),
            probabilities=dict(zip(model.class_names, row.tolist(), strict=True)),
            miner=self._settings.hem_name,
            hard=hard,
            model_version=model.version,
            features=packed_features(features),
        )

    def _check_model(self, name: str, version: str | None) -> None:
        self._check_name(name)
        self._check_version(version, self._slot.required)

    def _check_name(self, name: str) -> None:
        if name != self._settings.served_name:
            raise UnknownModelError(
                f"There is no model {name}: ask for {self._settings.served_name}."
            )

    def _check_version(self, version: str | None, model: ServedModel) -> None:
        if version is not None and version != model.version:
            raise UnknownModelError(
                f"Version {version} is not served: ask for {model.version} or for none."
            )

    def _checked_inputs(self, tensor: Tensor) -> Array:
        expected, shape = self._settings.input_format.shape, tensor.values.shape
        if tensor.datatype != "FP32" or shape[1:] != expected or not shape[0]:
            raise RequestError(
                f"Input {INPUT}: {tensor.datatype} of shape {list(shape)} was sent: send FP32 of "
                f"shape [N, {', '.join(map(str, expected))}]."
            )
        if not np.isfinite(tensor.values).all():
            raise RequestError(f"Input {INPUT}: some values are not numbers.")
        return tensor.values


def _only(inputs: Sequence[Tensor]) -> Tensor:
    if len(inputs) != 1 or inputs[0].name not in {INPUT, PICTURE}:
        raise RequestError(f"Send one input, either {INPUT} or {PICTURE}.")
    return inputs[0]


def _checked_pictures(tensor: Tensor) -> list[bytes]:
    if tensor.datatype != "BYTES" or not tensor.values.size:
        raise RequestError(f"Input {PICTURE}: send BYTES of shape [N], N at least 1.")
    pictures: list[bytes] = tensor.values.ravel().tolist()
    return pictures


def _tensor_config(tensor: TensorMessage) -> dict[str, object]:
    datatype = "STRING" if tensor.datatype == "BYTES" else tensor.datatype
    return {"name": tensor.name, "data_type": f"TYPE_{datatype}", "dims": tensor.shape}


def _version() -> str:
    try:
        return version(SERVER_NAME)
    except PackageNotFoundError:
        return "unknown"
