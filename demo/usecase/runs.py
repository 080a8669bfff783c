"""The runs that the report rests on; each job's records stay in a folder of its own."""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from backend.convert import convert
from backend.errors import PermanentError, SettingsError
from backend.files import write_atomically
from demo.manifests import edited_manifests
from demo.pictures import CLASS_NAMES
from demo.scenario import Scenario
from demo.setting import Setting
from demo.story import run_demo
from demo.usecase.record import Record
from jobs.resources.loader import load_job
from jobs.standalone.runner import StandaloneRunner
from jobs.status import Outcome

__all__ = ["read_records", "run_all", "run_photographs", "run_story"]

_STORIES: Mapping[str, tuple[int, Mapping[str, str]]] = {
    "seed 0": (0, {}),
    "seed 1": (1, {}),
    "seed 0, no replay": (0, {'replay, value: "120"': 'replay, value: "0"'}),
}
"""By name, the seed and what differs in the manifests; the first is the main run."""

_PHOTOGRAPHS = {"head only, 10 epochs": ("head", 10), "everything, 2 epochs": ("full", 2)}
"""By name, what a round on real photographs trains, and for how many epochs."""

_HELD_OUT = 400


def run_all(work: Path, rounds: int, photographs: Path | None, console: Console) -> None:
    """Run everything below the folder ``work``, which is emptied first.

    Raises what a run raises: without one of them there is no report.
    """
    shutil.rmtree(work, ignore_errors=True)
    if photographs:
        for name, (fine_tune, epochs) in _PHOTOGRAPHS.items():
            console.rule(name)
            run_photographs(work / name, photographs, fine_tune, epochs)
    for name, (seed, edits) in _STORIES.items():
        console.rule(name)
        scenario = Scenario(seed=seed, rounds=rounds, held_out=_HELD_OUT)
        run_story(work / name, scenario, edits, console)


def read_records(work: Path) -> tuple[list[Record], list[Record]]:
    """Return the records of the demo's runs, and of those on photographs if there are any.

    Raises SettingsError if the demo's did not run.
    """
    stories = [
        Record.of(work / name, Scenario(seed=seed, held_out=_HELD_OUT))
        for name, (seed, _) in _STORIES.items()
    ]
    photographs = [work / name for name in _PHOTOGRAPHS if (work / name).exists()]
    return stories, [Record.of(folder, Scenario()) for folder in photographs]


def run_story(folder: Path, scenario: Scenario, edits: Mapping[str, str], console: Console) -> None:
    """Run the demo's story in the new ``folder``; raises what `demo.story.run_demo` raises."""
    run_demo(edited_manifests(folder / "manifests", edits), folder / "node", scenario, console)


def run_photographs(folder: Path, photographs: Path, fine_tune: str, epochs: int) -> None:
    """Run one round on real photographs, from published weights, in the new ``folder``.

    ``photographs`` holds ``*.npz``, a MobileNetV2's weights, and
    ``photos/{train,eval}/<class>/``. Raises SettingsError if it does not, and PermanentError if
    the round fails.
    """
    photos = photographs / "photos"
    train, evaluation = (
        [path for name in CLASS_NAMES for path in sorted((photos / part / name).glob("*"))]
        for part in ("train", "eval")
    )
    weights = next(photographs.glob("*.npz"), None)
    if not (weights and train and evaluation):
        raise SettingsError(
            f"{photographs}: name a folder with weights (*.npz) and photos/train and photos/eval, "
            f"each with a folder for {' and '.join(CLASS_NAMES)}."
        )
    edits = {
        'value: "96,96"': 'value: "224,224"',
        "fine_tune, value: full": f"fine_tune, value: {fine_tune}",
        'epochs, value: "5"': f'epochs, value: "{epochs}"',
        # The first lines of an increment are its train share.
        "trainProb: 0.8": f"trainProb: {len(train) / len(train + evaluation)}",
        "threshold: 100": f"threshold: {len(train)}",
    }
    resources = load_job([edited_manifests(folder / "manifests", edits)])
    setting = Setting.of(resources, folder / "node")
    for target in (setting.initial_model, setting.deployed_model):
        target.parent.mkdir(parents=True)
        convert(weights, target, classes=setting.class_names, input_size=setting.input_size)
    shutil.copytree(photos, setting.index.parent / photos.name)
    lines = [f"{path.relative_to(photographs)} {path.parent.name}\n" for path in train + evaluation]
    write_atomically(setting.index, "".join(lines).encode())
    status = asyncio.run(StandaloneRunner(resources, setting.root).run(rounds=1))
    if status.rounds[0].outcome is Outcome.FAILED:
        reason = status.rounds[0].reason
        raise PermanentError(f"{folder}: the round on photographs failed: {reason}")
