"""Time and memory at ten and at a hundred times the size."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
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


class _Growing(NamedTuple):
    """Something that grows."""

    name: str
    """With its smallest size."""
    smallest: int
    measure: Callable[[Setting, int], Values]
    most_seconds: Mapping[str, Bar] = MappingProxyType({})
    most_mib: Mapping[str, Bar] = MappingProxyType({})


def growth(setting: Setting) -> list[Figure]:
    """Measure what a job does at three sizes."""
    return [figure for each in _growing() for figure in _grown(setting, each)]


def _grown(setting: Setting, growing: _Growing) -> list[Figure]:
    """Measure one thing, and divide the largest size's time by the smallest's."""
    times = _TIMES[:2] if setting.is_quick else _TIMES
    measured = setting.in_turn(
        {
            f"{each} times": partial(growing.measure, setting, each * growing.smallest)
            for each in times
        }
    )
    seconds = figures(measured, "seconds", growing.name, "s", growing.most_seconds)
    memory = figures(measured, "peak_mib", f"{growing.name}: memory", "MiB", growing.most_mib)
    linear = Bar(limit=times[-1], is_lowest=False)
    return [*seconds, *memory, ratio(seconds[-1], seconds[0], growing.name, linear)]


def _growing() -> list[_Growing]:
    return [
        _Growing("index of 10,000 lines", 10_000, _index, _most(3.0), _most(400.0)),
        _Growing("30 hard examples", 30, _pictures("hard_examples")),
        _Growing("inbox of 30 pictures", 30, _pictures("inbox")),
        _Growing("head-only round of 20", 20, _head_round),
    ]


def _most(limit: float) -> Mapping[str, Bar]:
    return {f"{_TIMES[-1]} times": Bar(limit=limit, is_lowest=False)}


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
