"""Records the live view of a job that runs, and draws it as one SVG file that moves.

Where nothing moves, as in print, the last frame is shown.
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from backend.files import write_atomically
from jobs.status import JobStatus
from jobs.view import render

__all__ = ["Moment", "draw_animation", "frame", "record"]

_COLUMNS = 112
_FRAMES = 15
_FRAME_SECONDS, _LAST_SECONDS = 1.5, 5.0
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # fetched from another site
_SIZE = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
_SPACES = re.compile(r">\s+<")


class Moment(NamedTuple):
    """What was known of a job at a time."""

    time: datetime
    status: JobStatus


def record(
    read: Callable[[], Moment | None], is_running: Callable[[], bool], *, period: float = 0.5
) -> list[Moment]:
    """Return the moments at which a job's status changed, read every ``period`` s until it ends."""
    moments: list[Moment] = []
    while is_running():
        moment = read()
        if moment and moment.status != (moments[-1].status if moments else None):
            moments.append(moment)
        time.sleep(period)
    return moments


def frame(moment: Moment, name: str, title: str) -> str:
    """Return the live view as SVG; ``name`` keeps its ids apart from those of others."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(file=nowhere, record=True, width=_COLUMNS, force_terminal=True)
        console.print(render(moment.status, moment.time))
        console.print(" ")  # room for the last line's descenders
    return _FONTS.sub("", console.export_svg(title=title, unique_id=name)).rstrip()


def draw_animation(moments: Sequence[Moment], target: Path, title: str) -> None:
    """Draw at most 16 of ``moments``, those with a new condition or round rather than others."""
    chosen = list(_chosen(moments))
    frames = [frame(moment, f"f{number}", title) for number, moment in enumerate(chosen)]
    sizes = [tuple(map(float, match.groups())) for each in frames if (match := _SIZE.search(each))]
    width, height = (max(size) for size in zip(*sizes, strict=True))
    total = _FRAME_SECONDS * (len(frames) - 1) + _LAST_SECONDS
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}">',
        f"<style>{''.join(_rules(len(frames), total))}</style>",
    ]
    for number, (each, size) in enumerate(zip(frames, sizes, strict=True)):
        placed = f'<svg width="{size[0]:g}" height="{size[1]:g}" '
        text = _SPACES.sub("><", each).replace("<svg ", placed, 1)
        parts.append(f'<g class="frame" id="frame{number}">{text}</g>')
    write_atomically(target, "\n".join([*parts, "</svg>\n"]).encode())


def _rules(count: int, total: float) -> Iterator[str]:
    """Yield style rules that show one of ``count`` frames at a time, for ``total`` seconds."""
    yield f".frame{{visibility:hidden;animation:{total:g}s step-end infinite}}"
    yield f"#frame{count - 1}{{visibility:visible}}"
    for number in range(count):
        start, end = (100 * (number + step) * _FRAME_SECONDS / total for step in (0, 1))
        hidden = f"{end:.2f}%{{visibility:hidden}}" if number < count - 1 else ""
        yield f"#frame{number}{{animation-name:show{number}}}"
        yield f"@keyframes show{number}{{0%{{visibility:hidden}}"
        yield f"{start:.2f}%{{visibility:visible}}{hidden}}}"


def _chosen(moments: Sequence[Moment]) -> Iterator[Moment]:
    turning, known = [], None
    for moment in moments:
        key = (len(moment.status.conditions), moment.status.rounds_ended)
        if key != known:
            turning.append(moment)
        known = key
    turning[-1] = moments[-1]
    step = max(len(turning) / _FRAMES, 1.0)
    places = sorted({round(number * step) for number in range(_FRAMES)} | {len(turning) - 1})
    yield from (turning[place] for place in places if place < len(turning))
