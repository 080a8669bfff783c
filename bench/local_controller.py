"""A LocalController that takes the reports of the workers that are measured."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple

from workers.contract import WorkerMessage

__all__ = ["Report", "local_controller"]

_ANSWER = b'{"Status": 200, "Message": "OK"}'


class Report(NamedTuple):
    """A worker's message."""

    message: WorkerMessage
    came: float
    """When, by `time.monotonic`."""


@contextmanager
def local_controller() -> Iterator[tuple[str, list[Report]]]:
    """Take reports while the block runs; yield the URL and what has come."""
    reports: list[Report] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reports.append(Report(WorkerMessage.model_validate_json(body), time.monotonic()))
            self.send_response(200)
            self.send_header("Content-Length", str(len(_ANSWER)))
            self.end_headers()
            self.wfile.write(_ANSWER)

        def log_message(self, *_: object) -> None:
            """Keep the terminal for the benchmark's own progress."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", reports
        finally:
            server.shutdown()
