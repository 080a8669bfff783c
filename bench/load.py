"""Clients that ask a server over HTTP.

They are processes of their own on the same machine, so that they take their share of its cores.
"""

import http.client
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.answering import Values, median_ms
from bench.measure import SubjectError

__all__ = ["Request", "ask_often", "measure_server"]

_CLIENTS = 8
_LATENCY_REQUESTS = 300
_WARM_UP = 20


@dataclass(frozen=True)
class Request:
    """A request that is posted repeatedly."""

    url: str
    body: bytes
    headers: Mapping[str, str]


def measure_server(request: Request, seconds: float) -> Values:
    """Return ``one_ms`` of one client, and ``images_per_second`` of all together for so long.

    Raises SubjectError if one of their requests was refused.
    """
    with _client(request) as ask:
        if not ask():
            raise SubjectError(f"{request.url} refuses the request.")
        one_ms = median_ms(ask, _LATENCY_REQUESTS, _WARM_UP)
    with ProcessPoolExecutor(_CLIENTS) as pool:
        answered = sum(pool.map(_ask_for, [request] * _CLIENTS, [seconds] * _CLIENTS))
    return {"one_ms": one_ms, "images_per_second": answered / seconds}


def ask_often(request: Request, count: int) -> int:
    """Ask so many times and return how many requests failed."""
    with _client(request) as ask:
        return sum(not ask() for _ in range(count))


def _ask_for(request: Request, seconds: float) -> int:
    """Ask for so long and return how many requests were answered."""
    answered = 0
    with _client(request) as ask:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not ask():
                raise SubjectError(f"{request.url} refused a request of the load.")
            answered += 1
    return answered


@contextmanager
def _client(request: Request) -> Iterator[Callable[[], bool]]:
    """Yield what sends the request over one connection, and tells whether it was answered."""
    server = urlsplit(request.url)
    headers = dict(request.headers)
    with closing(http.client.HTTPConnection(server.netloc)) as connection:

        def ask() -> bool:
            connection.request("POST", server.path, request.body, headers)
            response = connection.getresponse()
            response.read()
            return response.status == http.client.OK

        yield ask
