"""The whole worker, as a process on a socket."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread

import httpx


@dataclass
class Worker:
    """A worker's process, which listens."""

    process: subprocess.Popen[str]
    url: str

    @property
    def address(self) -> str:
        return self.url.removeprefix("http://")

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=30)


@contextmanager
def running(variables: dict[str, str], name: str = "infer") -> Iterator[Worker]:
    environment = {"PATH": os.environ["PATH"], "http_port": "0"} | variables
    command = [sys.executable, "-m", "workers", name]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Worker(process, _url(process))
        finally:
            process.kill()


def _url(process: subprocess.Popen[str]) -> str:
    assert process.stderr
    for line in process.stderr:
        if match := re.search(r"(?:listening on|open) (http\S+?)/?\s", line):
            # Nothing else reads what follows, and a full pipe would stop the worker.
            Thread(target=process.stderr.read, daemon=True).start()
            return match[1]
    raise AssertionError("the worker ended before it listened")


def wait_until_ready(worker: Worker) -> None:
    transport = httpx.HTTPTransport(retries=3)
    with httpx.Client(base_url=worker.url, transport=transport) as client:
        while client.get("/v2/health/ready").status_code != httpx.codes.OK:
            assert worker.process.poll() is None
