"""An index of a million samples."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bench.dataset import CLASS_NAMES
from bench.measure import subject
from bench.results import Bar, Figure, figures
from bench.setting import Setting
from workers.contract import WorkerKind, WorkerMessage, WorkerStatus
from workers.data.round_folder import TRAIN_REPORT_FILE, KeptReport, RoundFolder
from workers.storage import Mirror

__all__ = ["million_samples"]

_OURS = "this project"
_ROUNDS = 8
_REPLAY = 200


def million_samples(setting: Setting) -> list[Figure]:
    """Divide and draw from an index of a million samples, after eight rounds."""
    total = 10_000 if setting.is_quick else 1_000_000
    lines = [f"2026-11/{each:07d}.jpg {CLASS_NAMES[each % 2]}\n" for each in range(total)]
    index = setting.folder / "million.txt"
    index.write_text("".join(lines))
    new = total // 10
    model_folder = _earlier_rounds(setting.folder / "million", lines[:-new])
    arguments = {"index": index, "model_folder": model_folder, "new": new, "replay": _REPLAY}
    measure = partial(subject, "million_samples.million_samples", **arguments)
    measured = setting.in_turn({_OURS: measure})
    seconds, mib = Bar(limit=3.0, is_lowest=False), Bar(limit=400.0, is_lowest=False)
    return [
        *figures(measured, "seconds", "one million samples, time", "s", {_OURS: seconds}),
        *figures(measured, "peak_mib", "one million samples, peak memory", "MiB", {_OURS: mib}),
    ]


def _earlier_rounds(folder: Path, lines: list[str]) -> Path:
    """Write what earlier rounds have trained on; return the next round's folder."""
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
    return folder / str(_ROUNDS + 1)
