"""The time of a standalone round outside its workers."""

import os
import shutil
import sys
from collections.abc import Iterable
from datetime import datetime
from itertools import count
from pathlib import Path

from bench.answering import Values
from bench.dataset import CLASS_NAMES, in_index
from bench.measure import SubjectError, run_to_end
from bench.results import Bar, Figure, figures
from bench.setting import Setting
from demo.dataset import append_samples
from demo.manifests import edited_manifests
from demo.setting import Setting as JobSetting
from jobs.resources.loader import load_job
from jobs.standalone.runner import StandaloneRunner
from jobs.status import ConditionType, JobStatus, Outcome, Stage

__all__ = ["outside", "overhead", "seconds_outside_workers"]

Interval = tuple[datetime, datetime]

_EDITS = {
    "threshold: 0.95": "threshold: -2",
    "fine_tune, value: full": "fine_tune, value: head",
    'epochs, value: "5"': 'epochs, value: "1"',
}
"""The shortest training, after which every model is deployed."""

_SAMPLES = 125
_SIDE = 96


def overhead(setting: Setting) -> list[Figure]:
    """Run rounds with `iljob`, and subtract what their workers took."""
    manifests = edited_manifests(setting.folder / "manifests", _EDITS)
    numbers = count()

    def run_a_round() -> Values:
        root = setting.folder / f"node-{next(numbers)}"
        _prepare_node(setting, manifests, root)
        command = [sys.executable, "-m", "jobs", "run", str(manifests), "--root", str(root)]
        run_to_end([*command, "--rounds", "1", "--timeout", "300"], os.environ)
        status = StandaloneRunner(load_job([manifests]), root).status()
        return {
            "overhead_seconds": seconds_outside_workers(status),
            "round_seconds": outside(_round(status), []),
        }

    measured = setting.in_turn({"this project": run_a_round})
    bars = {"this project": Bar(limit=1.0, is_lowest=False)}
    return [
        *figures(measured, "overhead_seconds", "round, outside the workers", "s", bars),
        *figures(measured, "round_seconds", "round, whole", "s"),
    ]


def seconds_outside_workers(status: JobStatus) -> float:
    """Return the seconds of a job's first round in which no worker was at work.

    At work is a train or eval worker from when it is made to its end, and the inference worker
    from Deploy Running until it has reported the new model.
    """
    whole = _round(status)
    busy = [
        (worker.started, worker.ended)
        for worker in status.workers
        if worker.kind in {"train", "eval"} and worker.ended
    ]
    busy += [
        (each.time, whole[1])
        for each in status.conditions
        if (each.stage, each.type) == (Stage.DEPLOY, ConditionType.RUNNING)
    ]
    return outside(whole, busy)


def outside(whole: Interval, parts: Iterable[Interval]) -> float:
    """Return the seconds of ``whole`` that lie in none of ``parts``, which may overlap."""
    reached, seconds = whole[0], 0.0
    for began, ended in sorted(parts):
        seconds += max(0.0, (min(began, whole[1]) - reached).total_seconds())
        reached = max(reached, ended)
    return seconds + max(0.0, (whole[1] - reached).total_seconds())


def _round(status: JobStatus) -> Interval:
    round_ = status.rounds[0]
    if round_.outcome is not Outcome.DEPLOYED or round_.ended is None:
        raise SubjectError(f"the round was {round_.outcome}: {round_.reason}")
    return round_.started, round_.ended


def _prepare_node(setting: Setting, manifests: Path, root: Path) -> None:
    """Put models and samples where the manifests say."""
    job = JobSetting.of(load_job([manifests]), root)
    model = setting.model(_SIDE)
    for target in (job.initial_model, job.deployed_model):
        target.parent.mkdir(parents=True)
        shutil.copyfile(model.with_suffix(target.suffix), target)
    paths, labels = in_index(str(setting.pictures(_SAMPLES, _SIDE)))
    append_samples(job.index, zip(paths, (CLASS_NAMES[each] for each in labels), strict=True))
