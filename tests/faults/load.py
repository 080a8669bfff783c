"""A client that asks the inference worker without a pause, and counts what fails."""

import http.client
import json
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from threading import Event, Thread
from types import TracebackType
from typing import Self

import numpy as np

from tests.faults.jobs import INPUT_SIZE

_PAUSE_SECONDS = 0.02
_TIMEOUT_SECONDS = 60.0


@dataclass
class Load:
    """Asks from entering to leaving the block, over one connection."""

    port: int
    model: str
    answers: Counter[str] = field(default_factory=Counter)
    """How often which model's version answered."""
    failures: list[str] = field(default_factory=list)
    _stop: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self._thread = Thread(target=self._ask_until_stopped, name="load")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _ask_until_stopped(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT_SECONDS)
        with closing(connection):
            self._ask(connection)

    def _ask(self, connection: http.client.HTTPConnection) -> None:
        body, headers = _request()
        while not self._stop.wait(_PAUSE_SECONDS):
            try:
                connection.request("POST", f"/v2/models/{self.model}/infer", body, headers)
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{type(error).__name__}: {error}")
                connection.close()
            else:
                self._note(answer.status, content)

    def _note(self, status: int, content: bytes) -> None:
        if status == http.client.OK:
            self.answers[json.loads(content)["model_version"]] += 1
        else:
            self.failures.append(f"{status}: {content[:200]!r}")


def _request() -> tuple[bytes, dict[str, str]]:
    values = np.random.default_rng(0).normal(size=(1, 3, INPUT_SIZE, INPUT_SIZE))
    data = values.astype(np.float32).tobytes()
    tensor = {
        "name": "input",
        "datatype": "FP32",
        "shape": values.shape,
        "parameters": {"binary_data_size": len(data)},
    }
    head = json.dumps({"inputs": [tensor], "outputs": [{"name": "probabilities"}]}).encode()
    return head + data, {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head)),
    }
