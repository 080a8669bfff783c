"""A LocalController on a socket, and HTTP servers that a test has for its own time."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread

from workers.contract import WorkerMessage, message_path


@dataclass
class FakeLocalController:
    """Speaks the LC's protocol, after ``statuses`` and bodies of ``garbage``, each once."""

    url: str = ""
    patience: float = 10
    """Seconds to wait for a message."""
    messages: Queue[WorkerMessage] = field(default_factory=Queue)
    statuses: list[int] = field(default_factory=list)
    garbage: list[bytes] = field(default_factory=list)

    def take(self, path: str, content_type: str, body: bytes) -> int:
        if self.statuses:
            return self.statuses.pop(0)
        if content_type != "application/json":
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        message = WorkerMessage.model_validate_json(body)
        if path != message_path(message.name):
            return HTTPStatus.BAD_REQUEST
        self.messages.put(message)
        return HTTPStatus.OK

    def next_message(self) -> WorkerMessage:
        return self.messages.get(timeout=self.patience)


class QuietHandler(BaseHTTPRequestHandler):
    """Answers without a line on stderr."""

    def answer(self, status: int, body: bytes, cut_at: int | None = None) -> None:
        """Send ``body``, or what of it comes before ``cut_at``."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:cut_at])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Keep the tests quiet."""


@contextmanager
def serving(handler: type[QuietHandler]) -> Iterator[str]:
    """Serve on a free port of this machine, and yield the URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def serve_local_controller(patience: float = 10) -> Iterator[FakeLocalController]:
    """Serve a LocalController, whose messages are waited for ``patience`` seconds."""
    controller = FakeLocalController(patience=patience)

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if controller.garbage:
                self.answer(HTTPStatus.OK, controller.garbage.pop())
                return
            status = HTTPStatus(controller.take(self.path, self.headers["Content-Type"], body))
            answer = {"Status": status, "Message": status.phrase}
            self.answer(status, json.dumps(answer).encode())

    with serving(Handler) as controller.url:
        yield controller
