"""A folder of a cluster's node, read and written through a pod that mounts it."""

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import PurePosixPath

__all__ = ["NodeFolder", "kubectl"]

_WORKER = 10001
"""The workers' user, to whom the folders belong."""

_IDLE = "import signal; signal.pause()"
_UNPACK = """
import os, sys, tarfile
with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
    for member in archive:
        folder, name = os.path.split(member.name)
        partial = os.path.join(folder, f".{name}-partial")
        with open(partial, "wb") as file:
            file.write(archive.extractfile(member).read())
        os.replace(partial, member.name)
"""
_READ = "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())"
_AWAIT = """
import os, sys, watchfiles
folder = os.path.dirname(sys.argv[1])
for _ in watchfiles.watch(folder, yield_on_timeout=True, rust_timeout=1000):
    if os.path.exists(sys.argv[1]):
        break
"""
_LIST = "import glob, sys; print(*glob.glob(sys.argv[1]), sep='\\n')"
_EMPTY = """
import os, shutil
for each in os.scandir("."):
    shutil.rmtree(each) if each.is_dir() else os.remove(each)
"""


def kubectl(*arguments: str, data: bytes = b"") -> bytes:
    """Run kubectl with ``data`` as its input; return its output, or raise what it failed with."""
    program = shutil.which("kubectl") or "kubectl"
    return subprocess.run(
        [program, *arguments], input=data, stdout=subprocess.PIPE, check=True
    ).stdout


class NodeFolder:
    """The folder, with a pod that runs until `close`."""

    def __init__(self, node: str, folder: PurePosixPath, image: str) -> None:
        """Start the pod, of the train worker's ``image``; the ``folder`` of ``node`` must exist."""
        self._pod = f"test-{folder.name}".replace("_", "-")
        kubectl("apply", "-f", "-", data=json.dumps(self._manifest(node, folder, image)).encode())
        kubectl("wait", "--for=condition=Ready", f"pod/{self._pod}", "--timeout=180s")

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write ``files``, by path in the folder, in order and each at once."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for path, content in files.items():
                member = tarfile.TarInfo(path)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        self._run(_UNPACK, data=archive.getvalue())

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        return self._run(_READ, path)

    def await_file(self, path: str) -> bytes:
        """Wait until a file is there, and return its content."""
        self._run(_AWAIT, path)
        return self.read(path)

    def list(self, pattern: str) -> list[str]:
        """Return the paths that match ``pattern``."""
        return self._run(_LIST, pattern).decode().split()

    def close(self) -> None:
        """Empty the folder and remove the pod."""
        self._run(_EMPTY)
        kubectl("delete", f"pod/{self._pod}", "--grace-period=1")

    def _run(self, program: str, *arguments: str, data: bytes = b"") -> bytes:
        command = ("exec", "-i", self._pod, "--", "python", "-c", program, *arguments)
        return kubectl(*command, data=data)

    def _manifest(self, node: str, folder: PurePosixPath, image: str) -> dict[str, object]:
        container = {
            "name": "folder",
            "image": image,
            "command": ["python", "-c", _IDLE],
            "workingDir": str(folder),
            "volumeMounts": [{"name": "folder", "mountPath": str(folder)}],
        }
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": self._pod},
            "spec": {
                "nodeName": node,
                "restartPolicy": "Never",
                "securityContext": {"runAsUser": _WORKER, "runAsGroup": _WORKER},
                "containers": [container],
                "volumes": [{"name": "folder", "hostPath": {"path": str(folder)}}],
            },
        }
