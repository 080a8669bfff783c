"""Writes the patch series for kubeedge/sedna from this project's own sources.

A patch is a folder in ``series/``: ``message.txt`` is its commit message, ``edits.diff`` changes
Sedna's files, and ``files/`` are files of its own. `MODULES` adds modules of ``backend/`` with
other imports. The same sources and the same Sedna give the same bytes.

    python -m upstream.generate path/to/sedna
"""

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from backend.files import write_atomically

__all__ = ["MODULES", "SERIES", "adapt", "new_files", "write_series"]

HERE = Path(__file__).parent
SOURCES = HERE.parent / "backend"
_EDITS = "edits.diff"
"""May not exist; one line of context."""

_COLUMNS = 79
"""What Sedna's style check allows."""

_LICENCE = "# Copyright The KubeEdge Authors.\n# SPDX-License-Identifier: Apache-2.0\n\n"

_NAMES = {
    "from backend.mindspore import tinyms_compat": (
        "from sedna.backend.tinyms import compat as tinyms_compat"
    ),
    "from backend.errors import": "from sedna.backend.mindspore.errors import",
    "from backend.files import": "from sedna.backend.mindspore.data import",
    "from backend.metrics import": "from sedna.backend.mindspore.data import",
    "from backend.sedna.mindspore import MindSporeBackend": (
        "from sedna.backend.mindspore import MSBackend as MindSporeBackend"
    ),
    "from backend.sedna.bare_model import": "from sedna.backend.mindspore.model import",
    "from backend.models.layouts import to_layout": (
        "from sedna.backend.mindspore.data import own_weights"
    ),
    "to_layout(weights, shapes, head=None, origin=model_url)": (
        "own_weights(weights, shapes, model_url)"
    ),
    "Read the weights from a file of any format and layout that `backend.models` knows.": (
        "Read the weights from a checkpoint; an optimizer's state in it is ignored."
    ),
    "from backend.networks.mobilenetv2.architecture import": "from architecture import",
    "from backend.models.parameters import": "from sedna.backend.mindspore.parameters import",
    "from backend.models.weights import": "from sedna.backend.mindspore.data import",
    " (`backend.mindspore.runtime.prepare_mindspore`)": "",
}
"""What is called otherwise in Sedna."""

_IDENTITY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in {
        "NAME": "sedna-tinyms authors",
        "EMAIL": "sedna-tinyms@users.noreply.github.com",
        "DATE": "2026-01-01T00:00:00+00:00",
    }.items()
}


_EXAMPLE = "examples/incremental_learning/dog_croissants_mobilenetv2/training"

MODULES: Mapping[str, Mapping[str, str]] = {
    "07-mindspore-model": {
        "lib/sedna/backend/mindspore/model.py": "sedna/bare_model.py",
        "lib/sedna/backend/mindspore/parameters.py": "models/parameters.py",
    },
    "08-tinyms": {
        "lib/sedna/backend/tinyms/__init__.py": "sedna/tinyms.py",
        "lib/sedna/backend/tinyms/compat.py": "mindspore/tinyms_compat.py",
    },
    "18-federated-encoding": {"lib/sedna/common/weight_encoding.py": "sedna/weight_encoding.py"},
    "25-example": {
        f"{_EXAMPLE}/architecture.py": "networks/mobilenetv2/architecture.py",
        f"{_EXAMPLE}/network.py": "networks/mobilenetv2/network.py",
    },
}
"""Patch to path in Sedna to module of ``backend/``."""


SERIES = tuple(each.parent for each in sorted((HERE / "series").glob("*/message.txt")))
"""The patches' folders, in order."""


def new_files(patch: Path) -> dict[str, bytes]:
    """Return what the patch in the folder ``patch`` adds to Sedna, path to content.

    Raises ValueError if a module of ``backend/`` imports what Sedna will not have.
    """
    folder = patch / "files"
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    for target, module in MODULES.get(patch.name, {}).items():
        files[target] = adapt((SOURCES / module).read_text(encoding="utf-8")).encode()
    return {
        path: _LICENCE.encode() + content if path.endswith(".py") else content
        for path, content in sorted(files.items())
    }


def adapt(source: str) -> str:
    """Give a module Sedna's imports and the width of Sedna's lines."""
    for name, theirs in _NAMES.items():
        source = source.replace(name, theirs)
    foreign = re.search(r"^\s*(?:from|import) backend\b.*", source, flags=re.MULTILINE)
    if foreign:
        raise ValueError(f"Sedna has no {foreign[0].strip()!r}: add it to the names or the series.")
    source = re.sub(r" +# (?:noqa|type: ignore).*", "", source)
    return _mark_long_lines(_narrow_docstrings(_format(source)))


def write_series(sedna: Path, output: Path) -> list[Path]:
    """Write the series for the HEAD of the checkout ``sedna`` to the folder ``output``.

    Patches that were there are replaced. Raises subprocess.CalledProcessError if an edit no
    longer applies.
    """
    with tempfile.TemporaryDirectory() as folder:
        repository, patches = Path(folder, "sedna"), Path(folder, "patches")
        _commit_originals(sedna, repository)
        for patch in SERIES:
            _commit(patch, repository)
        _git(
            repository, "format-patch", "-U1", "--quiet", "--zero-commit", "--full-index",
            "--no-renames", "--no-signature", f"--output-directory={patches}", "originals",
        )  # fmt: skip
        for old in output.glob("*.patch"):
            old.unlink()
        made = sorted(patches.iterdir())
        for path in made:
            write_atomically(output / path.name, path.read_bytes())
    return [output / path.name for path in made]


def _commit_originals(sedna: Path, repository: Path) -> None:
    """Make a repository of nothing but the files that the series edits."""
    _git(repository.parent, "init", "--quiet", "--initial-branch=main", repository.name)
    for path in _edited_files():
        target = repository / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_git(sedna, "show", f"HEAD:{path}"))
    _git(repository, "add", "--all")
    _git(repository, "commit", "--quiet", "--message=Sedna")
    _git(repository, "tag", "originals")


def _edited_files() -> Iterator[PurePosixPath]:
    """Yield the files of Sedna's that the series edits, not those that it adds and edits later."""
    added: set[str] = set()
    for patch in SERIES:
        if (patch / _EDITS).is_file():
            text = (patch / _EDITS).read_text(encoding="utf-8")
            edited = re.findall(r"^--- a/(.*)", text, flags=re.MULTILINE)
            yield from (PurePosixPath(path) for path in edited if path not in added)
        added |= new_files(patch).keys()


def _commit(patch: Path, repository: Path) -> None:
    if (patch / _EDITS).is_file():
        _git(repository, "apply", "--index", str(patch / _EDITS))
    for path, content in new_files(patch).items():
        target = repository / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    _git(repository, "add", "--all")
    _git(repository, "commit", "--quiet", "--signoff", f"--file={patch / 'message.txt'}")


def _git(folder: Path, *arguments: str) -> bytes:
    """Run git by itself: no configuration of the user's changes the result."""
    git = shutil.which("git") or "git"
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        [git, *arguments],
        cwd=folder,
        env={**os.environ, **_IDENTITY, **alone},
        stdout=subprocess.PIPE,
        check=True,
    )
    return done.stdout


def _format(source: str) -> str:
    """Sort the imports and break the lines."""
    for command in (["check", "--select=I", "--fix"], ["format", f"--line-length={_COLUMNS}"]):
        source = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--quiet", "-"],
            input=source,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return source


def _narrow_docstrings(source: str) -> str:
    """Fill each paragraph of a docstring that has too long a line."""
    lines = source.splitlines()
    for first, last in reversed(list(_docstrings(source))):
        text = "\n".join(lines[first - 1 : last])
        paragraphs = re.split(r"\n\s*\n", text)
        lines[first - 1 : last] = "\n\n".join(map(_narrow, paragraphs)).splitlines()
    return "\n".join(lines) + "\n"


def _docstrings(source: str) -> Iterator[tuple[int, int]]:
    """Yield the first and last line of each string that stands by itself, top down."""
    strings = [
        (node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    yield from sorted(strings)


def _narrow(paragraph: str) -> str:
    if all(len(line) <= _COLUMNS for line in paragraph.splitlines()):
        return paragraph
    body, end = _split_end(paragraph)
    blanks = " " * (len(body) - len(body.lstrip()))
    filled = textwrap.fill(
        " ".join(body.split()), _COLUMNS, initial_indent=blanks, subsequent_indent=blanks
    )
    return filled + end


def _split_end(paragraph: str) -> tuple[str, str]:
    """Split off the closing quotes that have a line of their own."""
    match = re.search(r'\n *"""$', paragraph)
    return (paragraph[: match.start()], match[0]) if match else (paragraph, "")


def _mark_long_lines(source: str) -> str:
    """Make Sedna's style check ignore lines that cannot be broken."""
    lines = source.splitlines()
    return "".join(
        f"{line}  # noqa: E501\n" if len(line) > _COLUMNS else f"{line}\n" for line in lines
    )


def main() -> None:
    """Write the series into this file's folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sedna", type=Path, help="a git checkout of kubeedge/sedna")
    for path in write_series(parser.parse_args().sedna, HERE):
        print(path.name)  # noqa: T201 - the command's answer


if __name__ == "__main__":
    main()
