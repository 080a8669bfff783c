"""An index of a million samples."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bench.dataset import CLASS_NAMES
from bench.measure import subject
from bench.results import Bar, Figure
from bench.setting import Comparison, Setting
from workers.contract import WorkerKind, WorkerMessage, WorkerStatus
from workers.data.round_folder import TRAIN_REPORT_FILE, KeptReport, RoundFolder
from workers.storage import Mirror

__all__ = ["MILLION_SAMPLES"]

_ROUNDS = 8
_REPLAY = 200


def _million_samples(setting: Setting) -> list[Figure]:
    total = 10_000 if setting.is_quick else 1_000_000
    lines = [f"2026-11/{each:07d}.jpg {CLASS_NAMES[each % 2]}\n" for each in range(total)]
    index = setting.folder / "million.txt"
    index.write_text("".join(lines))
    new = total // 10
    model_folder = _earlier_rounds(setting.folder / "million", lines[:-new])
    measured = setting.in_turn(
        {
            "this project": partial(
                subject,
                "million_samples",
                index=index,
                model_folder=model_folder,
                new=new,
                replay=_REPLAY,
            )
        }
    )["this project"]
    limits = {"seconds": ("s", 3.0), "peak_mib": ("MiB", 400.0)}
    return [
        Figure(
            side="this project",
            name=f"one million samples, {'peak memory' if unit == 'MiB' else 'time'}",
            unit=unit,
            values=measured[quantity],
            bar=Bar(limit=limit, is_lowest=False),
        )
        for quantity, (unit, limit) in limits.items()
    ]


def _earlier_rounds(folder: Path, lines: list[str]) -> Path:
    """Write what earlier rounds have trained on; return the next round's folder."""
    share = len(lines) // _ROUNDS
    for number in range(_ROUNDS):
        round_ = folder / str(number + 1)
        round_.mkdir(parents=True)
        trained = lines[number * share : (number + 1) * share]
        RoundFolder(round_, Mirror({})).samples.write_text("".join(trained))
        (round_ / TRAIN_REPORT_FILE).write_bytes(_completed().to_json())
    following = folder / str(_ROUNDS + 1)
    following.mkdir()
    return following


def _completed() -> KeptReport:
    message = WorkerMessage(
        name="bench",
        namespace="bench",
        ownerName="bench",
        kind=WorkerKind.TRAIN,
        status=WorkerStatus.COMPLETED,
    )
    return KeptReport(worker="bench", message=message, delivered=datetime.now(UTC))


MILLION_SAMPLES = Comparison(
    "million-samples",
    "One million samples",
    "An index of a million lines, a tenth of them new, after eight rounds that trained on the"
    " rest. In one process: the runner reads the index and divides what is new; the train worker"
    " reads the index and its own file, and draws 200 older samples, as many of each class.",
    _million_samples,
)
