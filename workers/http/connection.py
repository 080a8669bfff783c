"""HTTP/1.1 from a socket: uvicorn's parser in C, with the limits that it lacks."""

import logging
from asyncio import TimerHandle, Transport
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from workers.http.errors import error_response

__all__ = ["HEADER_BYTES", "HEAD_SECONDS", "MOST_CONNECTIONS", "BoundedConnection"]

HEADER_BYTES = 16 * 1024
"""The largest head of a request, and the most that may follow its body."""
HEAD_SECONDS = 10.0
"""The time for a head to arrive, or for the rest of a body that was answered before its end."""
MOST_CONNECTIONS = 512
"""Requests on further connections are answered with 503."""

_MOST_REFUSED = 128
"""Connections that wait for that answer; further ones are closed, to save file descriptors."""


_BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%s"
)

_log = logging.getLogger(__name__)


class BoundedConnection(HttpToolsProtocol):
    """Limits the size and the delay of a head, and the number of connections."""

    _outside_bodies = 0
    _timer: TimerHandle | None = None

    def connection_made(
        self,
        transport: Transport,  # type: ignore[override]  # uvicorn, too, takes no other transport
    ) -> None:
        """Accept a connection, or close it if there are far too many."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS + _MOST_REFUSED:
            transport.abort()
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived; answer 400 if it is too large, not counting bodies."""
        self._outside_bodies += len(data)
        super().data_received(data)
        if self._outside_bodies > HEADER_BYTES and not self.transport.is_closing():
            self.send_400_response("The headers are too large.")

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are not HTTP, in the protocol's form; no application sees them."""
        _log.warning("%s: 400: %s", self.client[0] if self.client else "-", msg)
        body = b'{"error": "%s"}' % msg.encode("ascii", "replace")
        self.transport.write(_BAD_REQUEST % (len(body), body))
        self.transport.close()

    def on_message_begin(self) -> None:
        """Wait for the rest of a head."""
        super().on_message_begin()
        if self._timer is None:
            self._start_timer()

    def on_headers_complete(self) -> None:
        """Let the request be answered."""
        self._stop_timer()
        is_crowded = len(self.connections) > MOST_CONNECTIONS
        self.app = _refusal if is_crowded else self.config.loaded_app
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Handle a part of a body."""
        self._outside_bodies = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Handle the end of a request."""
        self._outside_bodies = 0
        self._stop_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the rest of a body that the application does not read."""
        if self.cycle.more_body:
            self._start_timer()
        super().on_response_complete()

    def _start_timer(self) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None


_refusal = error_response(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections: try again later.")
_refusal.headers["Connection"] = "close"
