"""The compiled graph of a training, kept on disk from one round to the next.

MindSpore can keep what it compiles, but names the files by the order of compilation and takes
them for any graph whose sources are the same. Here each graph has a file of its own, named by all
that is compiled into it, which MindSpore sees alone. A cache never fails a training: what cannot
be read is compiled again, what cannot be written is left out, and both are logged.

Imports MindSpore: prepare it before.
"""

import hashlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

import mindspore
import numpy as np

from backend.models.npz import read_npz, write_npz

__all__ = ["MOST_GRAPHS", "kept_graph"]

MOST_GRAPHS = 16
"""The longest unused make way for new ones. A graph of full fine-tuning takes 1 MiB."""

_PATTERN = "graph-*.npz"
_FOLDER = Path("rank_0", "graph_cache")
"""MindSpore's, in the one that it is given."""
_LAST_FILE = "compile_dependency.hash"
"""Written when the graph is: a graph without it is cut short."""

_PACKAGES = ("mindspore", "tinyms")
_SOURCES = Path(__file__).parents[1]

_first_of_process = Lock()
"""Never released."""

_log = logging.getLogger(__name__)


@contextmanager
def kept_graph(folder: Path | None, *parts: object) -> Iterator[None]:
    """Let MindSpore take the one graph that the block compiles from ``folder``, or keep it there.

    Only the first block of a process does so, since MindSpore takes one folder for a process,
    and only on the CPU, where it has been tried. A process that was not started from a Python
    file keeps nothing: MindSpore reads that file. A graph may name a library with code to run:
    only this user's files are taken.

    Args:
        folder: Made if it is missing; None for nowhere.
        parts: All that is compiled into the graph; this package's sources and the versions of
            MindSpore and TinyMS are added.
    """
    if folder is None or not _is_possible():
        yield
        return
    file = folder / _PATTERN.replace("*", _digest(parts))
    with TemporaryDirectory() as name:
        kept, new = Path(name, "kept"), Path(name, "new")
        used = kept if _take(file, kept / _FOLDER) else new
        before = _written(used / _FOLDER)
        mindspore.set_context(enable_compile_cache=True, compile_cache_path=str(used))
        try:
            yield
        except Exception:
            # Should the graph be to blame, the next process does not meet it again.
            with suppress(OSError):
                file.unlink(missing_ok=True)
            raise
        finally:
            mindspore.set_context(enable_compile_cache=False)
        # MindSpore compiles again, and says nothing, if the process's script has changed.
        if _written(used / _FOLDER) not in {None, before}:
            _keep(used / _FOLDER, file)


def _is_possible() -> bool:
    """Say whether this block may use the cache; the first that may takes the process's turn."""
    script = Path(sys.argv[0])
    return (
        script.suffix == ".py"
        and script.is_file()
        and mindspore.get_context("device_target") == "CPU"
        and _first_of_process.acquire(blocking=False)
    )


def _digest(parts: tuple[object, ...]) -> str:
    versions = [getattr(sys.modules.get(name), "__version__", None) for name in _PACKAGES]
    digest = hashlib.sha256(repr([versions, parts]).encode())
    for path in sorted(_SOURCES.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


def _take(file: Path, folder: Path) -> bool:
    """Write what is kept, intact, to ``folder``; say whether there is anything."""
    try:
        if file.stat().st_uid != os.geteuid():
            _log.warning("%s: is another user's: the graph is compiled again", file)
            return False
        contents = read_npz(file)
        folder.mkdir(parents=True)
        for name, content in contents.items():
            (folder / Path(name).name).write_bytes(content.tobytes())
        file.touch()
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        _log.warning("%s: cannot be read (%s): the graph is compiled again", file, error)
        return False
    _log.info("%s: the compiled graph is taken from here", file)
    return True


def _written(folder: Path) -> int | None:
    """Return when MindSpore wrote the last of its files (ns), or None if it has not."""
    last = folder / _LAST_FILE
    return last.stat().st_mtime_ns if last.exists() else None


def _keep(folder: Path, file: Path) -> None:
    try:
        contents = {path.name: path.read_bytes() for path in folder.iterdir()}
        write_npz(file, {name: np.frombuffer(each, np.uint8) for name, each in contents.items()})
        _make_room(file.parent)
    except OSError as error:
        _log.warning("%s: the compiled graph is not kept (%s)", file, error)


def _make_room(folder: Path) -> None:
    graphs = sorted(folder.glob(_PATTERN), key=lambda path: path.stat().st_mtime)
    for path in graphs[:-MOST_GRAPHS]:
        path.unlink(missing_ok=True)
