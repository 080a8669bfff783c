"""Clients that ask a server of the Open Inference Protocol.

They are processes of their own on the same machine, so that they take their share of its cores.
"""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from bench.answering import median_ms
from bench.errors import SubjectError
from bench.measure import Values
from bench.session import inputs

__all__ = [
    "CLIENTS",
    "Load",
    "Target",
    "ask_often",
    "ask_often_together",
    "load_of",
    "measure_server",
]

CLIENTS = 8
"""How many ask at a time."""

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


@dataclass
class Load:
    """What clients saw."""

    answered: int = 0
    failed: int = 0
    versions: set[str] = field(default_factory=set)


def measure_server(target: Target, seconds: float) -> Values:
    """Return ``one_ms`` of one client, and ``images_per_second`` of all together for so long.

    Raises SubjectError if one of these was refused.
    """
    with _client(target) as ask:
        one_ms = median_ms(ask, _LATENCY_REQUESTS, _WARM_UP)
    load = load_of(target, seconds)
    if load.failed:
        raise SubjectError(f"{target.model_url} refused {load.failed} requests of the load.")
    return {"one_ms": one_ms, "images_per_second": load.answered / seconds}


def load_of(target: Target, seconds: float) -> Load:
    """Let all clients ask for so long and return what they saw together."""
    with ProcessPoolExecutor(CLIENTS) as pool:
        loads = list(pool.map(_ask_for, [target] * CLIENTS, [seconds] * CLIENTS))
    return Load(
        answered=sum(load.answered for load in loads),
        failed=sum(load.failed for load in loads),
        versions=set().union(*(load.versions for load in loads)),
    )


def ask_often_together(target: Target, count: int) -> int:
    """Let each client ask so many times and return how many requests failed."""
    with ProcessPoolExecutor(CLIENTS) as pool:
        return sum(pool.map(ask_often, [target] * CLIENTS, [count] * CLIENTS))


def ask_often(target: Target, count: int) -> int:
    """Ask so many times and return how many requests failed."""
    with _client(target) as ask:
        return sum(ask() is None for _ in range(count))


def _ask_for(target: Target, seconds: float) -> Load:
    load = Load()
    with _client(target) as ask:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            version = ask()
            load.answered += version is not None
            load.failed += version is None
            load.versions |= {version} if version else set()
    return load


@contextmanager
def _client(target: Target) -> Iterator[Callable[[], str | None]]:
    """Yield what sends one tensor over one connection, again and again.

    It returns the version that answered, or None for another answer than a result.
    """
    server = urlsplit(target.model_url)
    body, headers = _request(target)
    with closing(http.client.HTTPConnection(server.netloc)) as connection:

        def ask() -> str | None:
            connection.request("POST", f"{server.path}/infer", body, headers)
            response = connection.getresponse()
            content = response.read()
            if response.status != http.client.OK:
                return None
            return str(json.loads(content).get("model_version"))

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
