"""Federated learning in an unpatched Sedna SDK: its reports, its connection and its messages."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from backend.sedna.weight_encoding import ENCODING, decode, encode

__all__ = ["AggregationClient", "register"]

_LARGEST_MESSAGE = 512 * 1024 * 1024
"""Bytes; ResNet-50 as lists of numbers is about as much."""

_TRY_AGAIN_SECONDS = 1


def register() -> None:
    """Change the SDK's classes, which must be importable; to be called once."""
    from sedna.common.constant import K8sResourceKind  # noqa: PLC0415
    from sedna.core.federated_learning import federated_learning  # noqa: PLC0415
    from sedna.service.server import aggregation  # noqa: PLC0415

    job, server = federated_learning.FederatedLearning, aggregation.AggregationServer
    make, start = job.__init__, server.start

    def make_with_kind(self: Any, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        # The SDK leaves it at "default", and GlobalManager ignores such reports.
        self.job_kind = K8sResourceKind.FEDERATED_LEARNING_JOB.value

    def start_for_large_messages(self: Any) -> None:
        self.ws_size = max(self.ws_size, _LARGEST_MESSAGE)
        start(self)

    job.__init__ = make_with_kind
    server.start = start_for_large_messages
    federated_learning.AggregationClient = AggregationClient
    aggregator = aggregation.Aggregator
    aggregator.send_message = _understanding_encoded(aggregator.send_message)


class AggregationClient:
    """Takes the place of the SDK's client, which answers no ping while its worker trains.

    A thread of the connection answers them. A lost connection is made again, and what was last
    sent is sent again.
    """

    def __init__(self, url: str, client_id: str, ping_timeout: float = 300, **_: Any) -> None:
        """Subscribe to the aggregator at ``url``; waits up to ``ping_timeout`` seconds for it."""
        self._url = url
        self._client_id = client_id
        self._patience = ping_timeout
        self._is_compact = False
        self._last_message: dict[str, Any] = {}
        self._is_forgotten = False
        self._connection = self._subscribe()

    def send(self, data: Any, msg_type: str = "message", job_name: str = "") -> None:
        """Send ``data``, whose ``weights`` are encoded if the aggregator understands that."""
        self._last_message = {
            "type": msg_type, "client": self._client_id, "data": data, "job_name": job_name,
        }  # fmt: skip
        self._persisting(self._send_last)

    def recv(self, wait_data_type: str | None = None) -> Any:
        """Wait for a message of that type and return it, its weights decoded."""
        while True:
            message = self._persisting(self._receive)
            if wait_data_type in {None, message.get("type")}:
                return _with_weights(message, decode)

    def _send_last(self) -> None:
        message = self._last_message
        if self._is_compact:
            message = _with_weights(message, encode)
        self._connection.send(json.dumps(message))
        self._is_forgotten = False

    def _receive(self) -> Any:
        if self._is_forgotten and self._last_message:
            self._send_last()
        return json.loads(self._connection.recv())

    def _persisting(self, action: Callable[[], Any]) -> Any:
        """Do it, on a new connection where one is lost; the aggregator forgets with the old one."""
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415

        while True:
            try:
                return action()
            except ConnectionClosed:
                self._connection = self._subscribe()
                self._is_forgotten = True

    def _subscribe(self) -> Any:
        import tenacity  # noqa: PLC0415
        from websockets.exceptions import WebSocketException  # noqa: PLC0415

        return tenacity.retry(
            retry=tenacity.retry_if_exception_type((OSError, WebSocketException)),
            stop=tenacity.stop_after_delay(self._patience),
            wait=tenacity.wait_fixed(_TRY_AGAIN_SECONDS),
            reraise=True,
        )(self._subscribe_once)()

    def _subscribe_once(self) -> Any:
        from websockets.sync.client import connect  # noqa: PLC0415

        connection = connect(self._url, max_size=_LARGEST_MESSAGE)
        request = {"type": "subscribe", "client_id": self._client_id, "encodings": [ENCODING]}
        connection.send(json.dumps(request))
        # The aggregator sends each subscription to all who are subscribed.
        while (echo := json.loads(connection.recv())).get("client_id") != self._client_id:
            pass
        self._is_compact = echo.get("encoding") == ENCODING
        return connection


class _CompactSocket:
    """A client's socket that encodes the weights it sends."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket

    async def send_json(self, message: dict[str, Any]) -> None:
        await self._socket.send_json(_with_weights(message, encode))

    async def close(self) -> None:
        await self._socket.close()


def _understanding_encoded(
    send_message: Callable[..., Awaitable[None]],
) -> Callable[..., Awaitable[None]]:
    """Return the aggregator's method with encoded weights for those who know the encoding."""

    async def send_decoded(self: Any, client_id: str, msg: dict[str, Any]) -> None:
        if msg.get("type") == "subscribe" and ENCODING in msg.get("encodings", ()):
            self._clients[client_id] = _CompactSocket(self._clients[client_id])
            msg["encoding"] = ENCODING
        await send_message(self, client_id, _with_weights(msg, decode))

    return send_decoded


def _with_weights(message: Any, change: Callable[[Any], Any]) -> Any:
    """Return the message with its weights changed, if it has any."""
    data = message.get("data")
    if not isinstance(data, dict) or "weights" not in data:
        return message
    return {**message, "data": {**data, "weights": change(data["weights"])}}
