"""The client that takes the place of the SDK's in federated learning."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Queue
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from backend.sedna.federated import AggregationClient
from backend.sedna.weight_encoding import ENCODING, decode, encode

server = pytest.importorskip("websockets.sync.server", reason="it comes with Sedna's SDK")

WEIGHTS: list[Any] = [[[0.5, -2.5], [0.25, 4.0]], [1.0]]


@given(
    arrays.arrays(
        np.float32, arrays.array_shapes(min_dims=0), elements=st.floats(width=32, allow_nan=False)
    )
)
def test_what_is_encoded_is_decoded_exactly(array: Any) -> None:
    [decoded] = decode(json.loads(json.dumps(encode([array.tolist()]))))
    assert decoded.shape == array.shape
    np.testing.assert_array_equal(decoded, array)


def test_nothing_is_encoded_or_decoded_twice() -> None:
    encoded = encode(WEIGHTS)
    assert encode(encoded) == encoded
    assert decode(WEIGHTS) == WEIGHTS


@dataclass
class Aggregator:
    """Echoes a subscription with ``greeting``, and then each message as the average."""

    url: str
    greeting: dict[str, str]
    drops: int = 0
    """Connections that are closed after their next message, unanswered."""
    received: Queue[Any] = field(default_factory=Queue)

    def talk(self, connection: Any) -> None:
        subscription = json.loads(connection.recv())
        connection.send(json.dumps(subscription | self.greeting))
        for text in connection:
            message = json.loads(text)
            self.received.put(message)
            if self.drops:
                self.drops -= 1
                return
            connection.send(json.dumps({"type": "other"}))
            connection.send(json.dumps(message | {"type": "recv_weight"}))


@contextmanager
def serving(greeting: dict[str, str], drops: int = 0) -> Iterator[Aggregator]:
    aggregator = Aggregator("", greeting, drops)
    with server.serve(aggregator.talk, "127.0.0.1", 0) as running:
        aggregator.url = f"ws://127.0.0.1:{running.socket.getsockname()[1]}/FedAvg"
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield aggregator
        running.shutdown()


@pytest.mark.parametrize("greeting", [{}, {"encoding": ENCODING}], ids=["old", "new"])
def test_weights_are_encoded_for_who_knows_the_encoding(greeting: dict[str, str]) -> None:
    with serving(greeting) as aggregator:
        client = AggregationClient(aggregator.url, "client")
        client.send({"num_samples": 2, "weights": WEIGHTS}, "update_weight", "job")
        answer = client.recv("recv_weight")
    sent = aggregator.received.get()
    assert (sent["client"], sent["job_name"], sent["data"]["num_samples"]) == ("client", "job", 2)
    assert (ENCODING in sent["data"]["weights"][1]) == bool(greeting)
    for value, expected in zip(answer["data"]["weights"], WEIGHTS, strict=True):
        np.testing.assert_array_equal(value, expected)


def test_after_a_lost_connection_the_last_message_is_sent_again() -> None:
    with serving({}, drops=2) as aggregator:
        client = AggregationClient(aggregator.url, "client")
        client.send({"weights": WEIGHTS}, "update_weight")
        assert client.recv("recv_weight")["data"] == {"weights": WEIGHTS}
    assert aggregator.received.qsize() == 3


def test_without_an_aggregator_it_gives_up_after_its_patience() -> None:
    with serving({}) as aggregator:
        pass
    with pytest.raises(OSError, match="refused"):
        AggregationClient(aggregator.url, "client", ping_timeout=0.1)
