"""Takes the workers' messages as the LocalController does, and keeps them in a folder.

``python local_controller.py FOLDER``, inside a container of an image: only the standard library.
"""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

PORT = 9100


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        worker = self.path.removeprefix("/sedna/workers/").removesuffix("/info")
        Path(sys.argv[1], f"{worker}.json").write_bytes(body)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"Status": 200, "Message": "OK"}')

    def log_message(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    with HTTPServer(("127.0.0.1", PORT), Handler) as server:
        print("ready", flush=True)  # noqa: T201 - the test waits for it
        server.serve_forever()
