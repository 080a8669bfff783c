"""``python -m tests.faults.zygote``: train workers that start at once, because all is imported.

Reads a JSON object a line: ``environment``, ``log``, and ``kill_after``, seconds or null. Forks a
worker, which SIGKILL ends after so long, and writes its exit status, as
`os.waitstatus_to_exitcode` gives it.
"""

import json
import os
import signal
import sys
from threading import Timer

from backend.classifier import TinyMSClassifier
from workers.train.__main__ import main


def _live(environment: dict[str, str], log: str, kill_after: float | None) -> int:
    os.environ.clear()
    os.environ.update(environment)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, sys.stderr.fileno())
    os.dup2(descriptor, sys.stdout.fileno())
    if kill_after is not None:
        Timer(kill_after, os.kill, (os.getpid(), signal.SIGKILL)).start()
    return main([])


def _serve() -> None:
    _ = TinyMSClassifier(("green", "red"), 32)._model.toolkit
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os._exit(_live(**json.loads(line)))
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
