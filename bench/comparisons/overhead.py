"""What a standalone round takes beside its workers."""

import os
import shutil
import sys
from collections.abc import Iterable
from datetime import datetime
from itertools import count
from pathlib import Path

import yaml

from bench.errors import SubjectError
from bench.measure import Values, run_to_end, subject
from bench.results import Bar, Figure
from bench.setting import Comparison, Setting
from demo.dataset import append_samples
from demo.setting import Setting as JobSetting
from jobs.resources.loader import load_job
from jobs.standalone.runner import StandaloneRunner
from jobs.status import ConditionType, JobStatus, Outcome, Stage

__all__ = ["OVERHEAD", "outside", "seconds_outside_workers"]

Interval = tuple[datetime, datetime]

_MANIFESTS = Path(__file__).parents[2] / "manifests"
_SAMPLES = 125
_SIDE = 96


def _overhead(setting: Setting) -> list[Figure]:
    manifests = _write_manifests(setting.folder / "manifests")
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

    measured = setting.in_turn({"this project": run_a_round})["this project"]
    bar = Bar(limit=1.0, is_lowest=False)
    names = {"overhead_seconds": "round, outside the workers", "round_seconds": "round, whole"}
    return [
        Figure(
            side="this project",
            name=name,
            unit="s",
            values=measured[quantity],
            bar=bar if quantity == "overhead_seconds" else None,
        )
        for quantity, name in names.items()
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
    running = [
        condition.time
        for condition in status.conditions
        if condition.stage is Stage.DEPLOY and condition.type is ConditionType.RUNNING
    ]
    busy += [(time, whole[1]) for time in running]
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
    models = setting.folder / f"models-{_SIDE}"
    if not models.exists():
        models.mkdir()
        subject("make_model", folder=models, input_size=_SIDE)
    for target in (job.initial_model, job.deployed_model):
        target.parent.mkdir(parents=True)
        shutil.copyfile(models / f"model{target.suffix}", target)
    index = setting.pictures(_SAMPLES, _SIDE)
    lines = [line.split() for line in index.read_text("utf-8").splitlines()]
    append_samples(job.index, [(index.parent / path, label) for path, label in lines])


def _write_manifests(folder: Path) -> Path:
    """Write the project's own manifests, with the shortest training and every model deployed."""
    folder.mkdir()
    for name in ("dataset.yaml", "models.yaml"):
        shutil.copyfile(_MANIFESTS / name, folder / name)
    job = yaml.safe_load((_MANIFESTS / "job.yaml").read_text("utf-8"))
    spec = job["spec"]
    spec["deploySpec"]["trigger"]["condition"]["threshold"] = -2
    for variable in spec["trainSpec"]["template"]["spec"]["containers"][0]["env"]:
        variable["value"] = {"fine_tune": "head", "epochs": "1"}.get(
            variable["name"], variable["value"]
        )
    (folder / "job.yaml").write_text(yaml.safe_dump(job))
    return folder


OVERHEAD = Comparison(
    "overhead",
    "The runner's share of a round",
    "`iljob run` with the project's manifests, the head trained for one epoch on 100 pictures of"
    " 96 pixels, 25 to evaluate on, deployed by hot update. From the round's start to its end,"
    " less the time in which a train or eval worker existed or the inference worker loaded the"
    " new model, by the runner's own record.",
    _overhead,
)
