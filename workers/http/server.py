"""Runs an application in its own thread, and ends it after its last answer."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import uvicorn
from starlette.types import ASGIApp

from backend.errors import PermanentError, SettingsError
from workers.http.connection import BoundedConnection

__all__ = ["listen", "serving"]

_BACKLOG = 128


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises SettingsError if the port is not available."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise SettingsError(
            f"http_port={port}: cannot listen on {host} ({error.strerror}): pods share their "
            "node's ports, so choose another."
        ) from None
    # Connections inherit it. Without it the body waits for the head's delayed ACK, 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


@contextmanager
def serving(
    app: ASGIApp,
    listener: socket.socket,
    *,
    stop: Event,
    grace_seconds: float,
    certificate: Path | None = None,
    key: Path | None = None,
) -> Iterator[None]:
    """Serve while the block runs; requests in flight are then finished.

    Args:
        app: The application.
        listener: The socket, which is closed at the end.
        stop: Set if the server ends on its own, which raises PermanentError after the block.
        grace_seconds: How long requests in flight may take to finish.
        certificate: The certificate file for HTTPS.
        key: The file of its private key.

    Raises SettingsError for a certificate or key that cannot be used.
    """
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=BoundedConnection,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        timeout_graceful_shutdown=round(grace_seconds) or 1,
    )
    try:
        config.load()
    except OSError as error:  # SSLError is one
        listener.close()
        raise SettingsError(
            f"http_certificate={certificate}, http_key={key}: cannot be used ({error})."
        ) from None
    server = uvicorn.Server(config)
    thread = Thread(target=_run, args=(server, listener, stop), name="http")
    thread.start()
    try:
        yield
    finally:
        has_ended = not thread.is_alive()
        server.should_exit = True
        thread.join()
        listener.close()
    if has_ended:
        raise PermanentError("The HTTP server ended on its own: see the log above.")


def _run(server: uvicorn.Server, listener: socket.socket, stop: Event) -> None:
    try:
        server.run(sockets=[listener])
    finally:
        stop.set()
