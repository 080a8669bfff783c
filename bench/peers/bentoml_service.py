"""A BentoML service; the environment's BENCH_MODEL is an ONNX file."""

import os
from pathlib import Path
from typing import Annotated

import bentoml
import numpy as np
from bentoml.validators import ContentType

from bench.dataset import INPUT_SIZE
from bench.peers.answers import Session

__all__ = ["OnnxService"]


@bentoml.service(workers=1, traffic={"timeout": 60})
class OnnxService:
    """Takes a tensor or a picture as the request's body."""

    def __init__(self) -> None:
        """Load the model."""
        self._session = Session(os.environ["BENCH_MODEL"])

    @bentoml.api  # type: ignore[untyped-decorator]  # it is not here
    def tensor(
        self, body: Annotated[Path, ContentType("application/octet-stream")], /
    ) -> list[list[float]]:
        """Return the probabilities of one tensor."""
        values = np.fromfile(body, np.float32).reshape(-1, 3, INPUT_SIZE, INPUT_SIZE)
        answers: list[list[float]] = self._session.of_tensors(values).tolist()
        return answers

    @bentoml.api  # type: ignore[untyped-decorator]  # it is not here
    def picture(self, body: Annotated[Path, ContentType("image/jpeg")], /) -> list[list[float]]:
        """Return the probabilities of one picture."""
        answers: list[list[float]] = self._session.of_pictures([body.read_bytes()]).tolist()
        return answers
