"""Runs the code on a page: its commands and files, on pictures and weights made here."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from textwrap import indent

import numpy as np
from PIL import Image, ImageDraw

from backend.mindspore.runtime import prepare_mindspore
from tests.backend.models.conversions import mindcv_network
from tests.coloured_pictures import SHADES, draw_colours
from tests.docs.reading import REPOSITORY, blocks

__all__ = [
    "commands",
    "draw_cups_and_spoons",
    "draw_shades",
    "free_port",
    "run",
    "save_weights",
    "started",
    "write_files",
]

_SECONDS = 400
_SETUP = "make setup"


def commands(page: Path, **replaced: str) -> list[str]:
    """Return the page's commands but for setting up, with words such as ports replaced."""
    shell = [block.text for block in blocks(page) if block.language == "sh"]
    return [_replaced(text, replaced) for text in shell if _SETUP not in text]


def write_files(page: Path, folder: Path, **replaced: str) -> None:
    """Write the page's files, with words replaced."""
    for block in blocks(page):
        if block.title:
            (folder / block.title).write_text(_replaced(block.text, replaced))


def _replaced(text: str, words: Mapping[str, str]) -> str:
    for word, other in words.items():
        assert word not in other
        text = text.replace(word, other)
    return text


def run(command: str, folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Run commands in a folder and return their output; what they started ends with them."""
    with TemporaryFile("w+") as output:
        with started(command, folder, environment, output=output.fileno()) as process:
            status = process.wait(timeout=_SECONDS)
        output.seek(0)
        text = output.read()
    assert status == 0, f"{command}\n{indent(text, '    ')}"
    return text


@contextmanager
def started(
    command: str,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *,
    output: int = subprocess.PIPE,
) -> Iterator[subprocess.Popen[str]]:
    """Start commands in a folder; when the block ends, so do they and all that they started."""
    # The test tools are layered on the environment that has this project's commands.
    folders = [Path(each, "bin") for each in (sys.prefix, sys.prefix.removesuffix("-dev"))]
    path = os.pathsep.join([*map(str, folders), os.environ["PATH"]])
    given = {"PATH": path, "HOME": str(folder), "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        ["/bin/bash", "-euc", command],
        cwd=folder,
        env=given | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            _end_session(process.pid)


def _end_session(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def free_port() -> str:
    """Return an unused port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def draw_cups_and_spoons(folder: Path, kind: str, count: int, seed: int) -> None:
    """Draw round cups on a light table, and long spoons on a dark one."""
    generator = np.random.default_rng([seed, len(kind)])
    (folder / kind).mkdir(parents=True)
    for number in range(count):
        light = 210 if kind == "cup" else 60
        pixels = generator.normal(light, 12, (120, 160, 3)).clip(0, 255).astype(np.uint8)
        picture = Image.fromarray(pixels)
        x, y = (int(each) for each in generator.integers(15, 45, 2))
        box = (x, y, x + 60, y + 60) if kind == "cup" else (x, y, x + 100, y + 15)
        ImageDraw.Draw(picture).ellipse(box, fill=(170, 60, 40), outline=(20, 20, 20), width=3)
        picture.save(folder / kind / f"{folder.name} {kind} {number}.jpg")


def draw_shades(folder: Path) -> Path:
    """Draw 40 pictures, dark and bright in turn; return their index."""
    index = folder / "index.txt"
    pictures = draw_colours(folder, SHADES, 40)
    index.write_text("".join(f"{picture.name} {label}\n" for picture, label in pictures))
    return index


def save_weights(folder: Path) -> None:
    """Save weights in MindCV's layout: the published ones cannot be fetched in a test."""
    prepare_mindspore()
    import mindspore  # noqa: PLC0415

    network = mindcv_network(classes=10)
    mindspore.save_checkpoint(network, str(folder / "mobilenet_v2.ckpt"))
