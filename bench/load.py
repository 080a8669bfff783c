"""Clients that ask a server of the Open Inference Protocol.

They are processes of their own on the same machine, so that they take their share of its cores.
"""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from bench.answering import Values, median_ms
from bench.measure import SubjectError

__all__ = ["Target", "ask_often", "inputs", "measure_server"]

_CLIENTS = 8
_LATENCY_REQUESTS = 300
_WARM_UP = 20


@dataclass(frozen=True)
class Target:
    """A model on a server, and how it is asked."""

    model_url: str
    """``.../v2/models/<name>``, with an FP32 input named ``input``."""
    input_size: int
    """Pixels."""
    form: Literal["binary", "json"] = "binary"
    """Of the tensor."""


def measure_server(target: Target, seconds: float) -> Values:
    """Return ``one_ms`` of one client, and ``images_per_second`` of all together for so long.

    Raises SubjectError if one of their requests was refused.
    """
    with _client(target) as ask:
        one_ms = median_ms(ask, _LATENCY_REQUESTS, _WARM_UP)
    with ProcessPoolExecutor(_CLIENTS) as pool:
        answered = sum(pool.map(_ask_for, [target] * _CLIENTS, [seconds] * _CLIENTS))
    return {"one_ms": one_ms, "images_per_second": answered / seconds}


def ask_often(target: Target, count: int) -> int:
    """Ask so many times and return how many requests failed."""
    with _client(target) as ask:
        return sum(not ask() for _ in range(count))


def _ask_for(target: Target, seconds: float) -> int:
    """Ask for so long and return how many requests were answered."""
    answered = 0
    with _client(target) as ask:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not ask():
                raise SubjectError(f"{target.model_url} refused a request of the load.")
            answered += 1
    return answered


@contextmanager
def _client(target: Target) -> Iterator[Callable[[], bool]]:
    """Yield what sends one tensor over one connection, and tells whether it was answered."""
    server = urlsplit(target.model_url)
    body, headers = _request(target)
    with closing(http.client.HTTPConnection(server.netloc)) as connection:

        def ask() -> bool:
            connection.request("POST", f"{server.path}/infer", body, headers)
            response = connection.getresponse()
            response.read()
            return response.status == http.client.OK

        yield ask


def _request(target: Target) -> tuple[bytes, dict[str, str]]:
    values = inputs(1, target.input_size)
    tensor: dict[str, object] = {"name": "input", "datatype": "FP32", "shape": values.shape}
    headers = {"Content-Type": "application/json"}
    data = b""
    if target.form == "json":
        tensor["data"] = values.ravel().tolist()
    else:
        data = values.tobytes()
        tensor["parameters"] = {"binary_data_size": len(data)}
    head = json.dumps({"inputs": [tensor], "outputs": [{"name": "probabilities"}]}).encode()
    if data:
        headers["Inference-Header-Content-Length"] = str(len(head))
    return head + data, headers


def inputs(count: int, input_size: int) -> NDArray[np.float32]:
    """Return ``count`` preprocessed images of noise, the same ones in every run."""
    shape = (count, 3, input_size, input_size)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)
