"""Time and memory at ten and at a hundred times the size."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.answering import Values
from bench.dataset import CLASS_NAMES
from bench.measure import subject
from bench.results import Bar, Figure, figures, ratio
from bench.setting import Setting
from bench.workers import train_models
from workers.contract import WorkerKind, WorkerMessage, WorkerStatus
from workers.data.round_folder import TRAIN_REPORT_FILE, KeptReport, RoundFolder
from workers.storage import Mirror

__all__ = ["growth"]

_ROUNDS = 8
_REPLAY = 200
_TIMES = (1, 10, 100)
_MOST = {"seconds": 3.0, "peak_mib": 400.0}
"""Of an index of a million lines."""


class _Growing(NamedTuple):
    """Something that grows."""

    name: str
    unit: str
    smallest: int
    measure: Callable[[Setting, int], Values]


def growth(setting: Setting) -> list[Figure]:
    """Measure what a job does at three sizes."""
    return [figure for each in _growing() for figure in _grown(setting, each)]


def _grown(setting: Setting, growing: _Growing) -> list[Figure]:
    """Measure one thing, and divide the largest size's time by the smallest's."""
    times = _TIMES[:2] if setting.is_quick else _TIMES
    sizes = [growing.smallest * each for each in times]
    measured = setting.in_turn(
        {f"{size:,} {growing.unit}": partial(growing.measure, setting, size) for size in sizes}
    )
    largest = f"{1_000_000:,} lines"
    bars = {name: {largest: Bar(limit=most, is_lowest=False)} for name, most in _MOST.items()}
    seconds = figures(measured, "seconds", growing.name, "s", bars["seconds"])
    memory = figures(measured, "peak_mib", f"{growing.name}, memory", "MiB", bars["peak_mib"])
    linear = Bar(limit=times[-1], is_lowest=False)
    return [*seconds, *memory, ratio(seconds[-1], seconds[0], growing.name, linear)]


def _growing() -> list[_Growing]:
    return [
        _Growing("dividing an index", "lines", 10_000, _index),
        _Growing("keeping hard examples", "pictures", 30, _pictures("hard_examples")),
        _Growing("emptying the inbox", "pictures", 30, _pictures("inbox")),
        _Growing("a head-only round", "pictures", 20, _head_round),
    ]


def _pictures(name: str) -> Callable[[Setting, int], Values]:
    return lambda _, total: subject(f"growth.{name}", total=total)


def _head_round(setting: Setting, total: int) -> Values:
    index, base = setting.pictures(total), setting.model().with_suffix(".ckpt")
    folder = setting.folder / f"growth-{total}-{len(list(setting.folder.iterdir()))}"
    values = train_models(index, base, folder / "model", folder / "cache", {"fine_tune": "head"})
    return {"seconds": values["report_seconds"], "peak_mib": values["peak_mib"]}


def _index(setting: Setting, total: int) -> Values:
    """Divide an index of which eight rounds have trained on all but a tenth, and draw from it."""
    index, new = setting.folder / f"index-{total}.txt", total // 10
    rounds = index.with_suffix("")
    if not index.exists():
        lines = [f"2026-11/{each:07d}.jpg {CLASS_NAMES[each % 2]}\n" for each in range(total)]
        index.write_text("".join(lines))
        _write_rounds(rounds, lines[:-new])
    folder = rounds / str(_ROUNDS + 1)
    return subject("growth.index", index=index, model_folder=folder, new=new, replay=_REPLAY)


def _write_rounds(folder: Path, lines: list[str]) -> None:
    """Write what earlier rounds have trained on, and an empty folder for the next one."""
    message = WorkerMessage(
        name="bench",
        namespace="bench",
        ownerName="bench",
        kind=WorkerKind.TRAIN,
        status=WorkerStatus.COMPLETED,
    )
    completed = KeptReport(worker="bench", message=message, delivered=datetime.now(UTC))
    share = len(lines) // _ROUNDS
    for number in range(_ROUNDS):
        round_ = folder / str(number + 1)
        round_.mkdir(parents=True)
        trained = lines[number * share : (number + 1) * share]
        RoundFolder(round_, Mirror({})).samples.write_text("".join(trained))
        (round_ / TRAIN_REPORT_FILE).write_bytes(completed.to_json())
    (folder / str(_ROUNDS + 1)).mkdir()
