"""The demo's story, run once through the standalone runner, and what became of it."""

import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from backend.classifier import TinyMSMobileNetV2
from backend.models.convert import convert
from demo.preparation import render_held_out
from demo.scenario import Scenario
from demo.setting import Setting
from demo.story import run_demo
from demo.usecase.hard import labelled_by_model
from demo.usecase.job import FinishedJob
from demo.usecase.results import INITIAL, ModelAnswers, StoryRun, round_name
from demo.usecase.usage import Watch
from demo.usecase.variant import Variant
from jobs.status import Outcome
from workers.data.index_file import labelled_images
from workers.infer.inbox import DONE_FOLDER

__all__ = ["Arm", "run_story"]

Pictures = Mapping[str, tuple[list[Path], list[int]]]
"""A set's name to its pictures and the numbers of their classes."""


@dataclass(frozen=True)
class Arm:
    """What sets one run apart from the others."""

    backend: str
    seed: int
    replay: int
    """Older samples that a round repeats."""

    @property
    def name(self) -> str:
        """A folder's name."""
        return f"{self.backend.lower()}-seed-{self.seed}-replay-{self.replay}"


def run_story(arm: Arm, scenario: Scenario, folder: Path, console: Console) -> StoryRun:
    """Run the story in ``folder``, which is emptied first; what its job leaves stays there.

    Raises what `demo.story.run_demo` raises.
    """
    shutil.rmtree(folder, ignore_errors=True)
    variant = Variant({"BACKEND_TYPE": arm.backend, "replay": str(arm.replay)})
    manifests = variant.write(folder / "manifests")
    started = time.monotonic()
    with Watch() as watch:
        status = run_demo(manifests, folder / "node", scenario, console)
    seconds = time.monotonic() - started
    job = FinishedJob.of(manifests, folder / "node", status)
    pictures = _pictures(job, scenario)
    return StoryRun(
        backend=arm.backend,
        seed=arm.seed,
        replay=arm.replay,
        seconds=seconds,
        stream=len(list((job.setting.inbox / DONE_FOLDER).glob("*.json"))),
        truth={name: _digits(labels) for name, (_, labels) in pictures.items()},
        models=[_initial(job, pictures), *_trained(job, pictures)],
        rounds=job.rounds(arm.replay),
        mined=labelled_by_model(job.setting.hard_examples, job.models("onnx")),
        costs=job.costs(watch.used),
    )


def _pictures(job: FinishedJob, scenario: Scenario) -> Pictures:
    """Return the held-out pictures of each condition, and those that each round was held to."""
    names = job.setting.class_names
    held_out = render_held_out(job.setting, scenario).pictures.items()
    sets = {
        condition.value: ([path for path, _ in each], [names.index(label) for _, label in each])
        for condition, each in held_out
    }
    for number, samples in job.evaluation_shares().items():
        images = labelled_images(job.setting.index.parent, samples)
        sets[round_name(number)] = (
            [Path(str(image)) for image in images.x],
            [int(label) for label in images.y],
        )
    return sets


def _initial(job: FinishedJob, pictures: Pictures) -> ModelAnswers:
    checkpoint = job.setting.initial_model
    served = checkpoint.with_suffix(".onnx")
    convert(checkpoint, served)
    return ModelAnswers(
        name=INITIAL,
        digest=job.digest(checkpoint),
        was_deployed=True,
        answers=_answers(job.setting, served, pictures),
    )


def _trained(job: FinishedJob, pictures: Pictures) -> list[ModelAnswers]:
    checkpoints, served = job.models("ckpt"), job.models("onnx")
    deployed = {
        round_name(each.number) for each in job.status.rounds if each.outcome is Outcome.DEPLOYED
    }
    return [
        ModelAnswers(
            name=name,
            digest=job.digest(checkpoints[name]),
            was_deployed=name in deployed,
            answers=_answers(job.setting, model, pictures),
        )
        for name, model in served.items()
    ]


def _answers(setting: Setting, model: Path, pictures: Pictures) -> dict[str, str]:
    estimator = TinyMSMobileNetV2(setting.class_names, setting.input_size)
    estimator.load(model)
    return {
        name: _digits(
            setting.class_names.index(prediction.label) for prediction in estimator.predict(paths)
        )
        for name, (paths, _) in pictures.items()
    }


def _digits(numbers: Iterable[int]) -> str:
    return "".join(map(str, numbers))
