"""The kernels' shared library: the image's own, or compiled once for this machine's CPU."""

import ctypes
import hashlib
import logging
import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

from backend.files import replaced_atomically

__all__ = ["BUILT", "compile_library", "library"]

_FOLDER = Path(__file__).parent
_CPUINFO = Path("/proc/cpuinfo")

BUILT = _FOLDER / "kernels.so"
"""Where an image has the library, compiled for ``x86-64-v3``."""

_FLAGS = (
    "-std=c++17",
    "-O3",
    "-shared",
    "-fPIC",
    "-pthread",
    # Sums in vector lanes. Not -ffast-math: its library would change the whole process's
    # arithmetic when it is loaded.
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-signed-zeros",
    "-fassociative-math",
)

_log = logging.getLogger(__name__)


@cache
def library() -> Path | None:
    """Return the path of a library that this CPU runs, or None; a log line says why not.

    The environment's CXX names the compiler (``c++``); what it makes is kept in the user's cache
    folder by sources, flags, compiler and CPU.
    """
    try:
        if BUILT.exists() and {"avx2", "fma"} <= _cpu_features():
            return _loadable(BUILT)
        path = _cache_folder() / f"kernels-{_digest()}.so"
        if not path.exists():
            compile_library(path, "native")
        return _loadable(path)
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        # RuntimeError: the user has no home folder.
        _log.info("Training with MindSpore's own kernels, which are slower: %s", _reason(error))
        return None


def compile_library(path: Path, architecture: str) -> None:
    """Compile the kernels to ``path`` for ``architecture`` (``-march``) atomically.

    Raises:
        OSError: there is no such compiler.
        CalledProcessError: the compiler refused.
        WriteError: there is no room, or writing there is not allowed.
    """
    with replaced_atomically(path) as temporary:
        options = [*_FLAGS, f"-march={architecture}", "-o", str(temporary)]
        command = [_compiler(), *options, *_sources("*.cpp")]
        subprocess.run(command, check=True, capture_output=True, text=True)


def _compiler() -> str:
    return os.environ.get("CXX", "c++")


def _sources(pattern: str) -> list[str]:
    return sorted(map(str, _FOLDER.glob(pattern)))


def _loadable(path: Path) -> Path:
    ctypes.CDLL(str(path))
    return path


def _digest() -> str:
    digest = hashlib.sha256()
    for path in (*_sources("*.cpp"), *_sources("*.h")):
        digest.update(Path(path).read_bytes())
    cpu = (platform.machine(), *sorted(_cpu_features()))
    digest.update("\n".join((_compiler(), *_FLAGS, *cpu)).encode())
    return digest.hexdigest()[:16]


def _cpu_features() -> set[str]:
    for line in _CPUINFO.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"flags", "Features"}:
            return set(value.split())
    return set()


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sedna-tinyms"


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return f"{error.cmd[0]} ended with status {error.returncode}"
    return str(error)


if __name__ == "__main__":
    # An image's build: python -m backend.mindspore.kernels.library x86-64-v3
    compile_library(BUILT, sys.argv[1])
