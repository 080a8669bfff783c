"""Jobs through which pictures of a new kind come, and what the deployed models know in the end."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np

from backend.classifier import TinyMSClassifier
from backend.images.preprocessing import LabelledImages
from bench.answering import Values
from bench.measure import subject
from bench.results import Bar, Figure
from bench.setting import Setting
from bench.workers import reported
from demo.pictures import Light, render_folder
from jobs.resources.schema import Trigger, TriggerCondition
from jobs.triggers import decide_deployment

__all__ = ["learning_photographs", "learning_rendered"]

_TRAIN_PROB = 0.8
_PICTURES = "pictures"
"""In the dataset's folder."""
_WRONG = 0.01
"""A deployment that lowers the mean over the kinds of pictures so far by more is wrong."""

Pairs = list[tuple[Path, str]]
"""Pictures and their classes."""


@dataclass(frozen=True)
class _Approach:
    """How a job learns, and when it deploys."""

    condition: TriggerCondition
    settings: Mapping[str, str] = field(default_factory=dict)
    is_retraining: bool = False
    """Whether each round starts from the first model instead of the newest."""


def _when(metric: str, threshold: float) -> TriggerCondition:
    return TriggerCondition(metric=metric, operator=">", threshold=threshold)


_EVERYTHING = "1000000"
_OURS = "this project"
_APPROACHES = {
    "naive fine-tuning": _Approach(
        _when("accuracy_delta[0]", 0.02), {"replay": "0", "balance": "false"}
    ),
    _OURS: _Approach(_when("better_probability[0]", 0.95)),
    "retraining on everything": _Approach(
        _when("samples[0]", -1), {"replay": _EVERYTHING}, is_retraining=True
    ),
}


@dataclass(frozen=True)
class _Course:
    """The pictures of a job: folders ``<kind>/train/<class>`` and ``<kind>/eval/<class>``."""

    folder: Path
    kinds: Sequence[str]
    """In the order in which they come; all of the first in one round, the others in two."""
    base_model: Path
    input_size: int
    settings: Mapping[str, str]

    @property
    def classes(self) -> list[str]:
        return sorted(each.name for each in (self.folder / self.kinds[0] / "train").iterdir())

    def pictures(self, kind: str, part: str) -> Pairs:
        files = sorted((self.folder / kind / part).glob("*/*"))
        return [(file, file.parent.name) for file in files]

    def rounds(self, seed: int) -> Iterator[tuple[str, Pairs]]:
        """Yield the kind and the new pictures of each round."""
        for number, kind in enumerate(self.kinds):
            pictures = self.pictures(kind, "train")
            order = np.random.default_rng([seed, number]).permutation(len(pictures))
            for part in np.array_split(order, 1 if number == 0 else 2):
                yield kind, [pictures[place] for place in part]


def learning_photographs(setting: Setting) -> list[Figure]:
    """Learn cartoons after photographs, from ImageNet weights."""
    settings = {"epochs": "1"} if setting.is_quick else {}
    course = _Course(
        setting.shift, ("photo", "cartoon"), setting.photographs["weights"], 224, settings
    )
    bars = {"photo": Bar(limit=97, is_lowest=True), "cartoon": Bar(limit=88, is_lowest=True)}
    regression = partial(
        subject,
        "estimator.logistic_regression",
        weights=course.base_model,
        folder=course.folder,
        kinds=course.kinds,
        train_share=_TRAIN_PROB,
    )
    return _figures(setting, course, bars, {"logistic regression": regression})


def learning_rendered(setting: Setting) -> list[Figure]:
    """Learn the night, and what an infrared camera sees, after the day, from scratch."""
    folder = setting.folder / "rendered"
    amounts = (40, 20) if setting.is_quick else (320, 120)
    for number, (part, amount) in enumerate(zip(("train", "eval"), amounts, strict=True)):
        for light in Light:
            _sort(folder / light / part, light, amount, seed=number)
        _infrared(folder, part)
    settings = {"fine_tune": "full", "epochs": "1" if setting.is_quick else "8"}
    course = _Course(
        folder, ("day", "night", "infrared"), setting.model(96).with_suffix(".ckpt"), 96, settings
    )
    return _figures(setting, course, {}, {})


def _sort(folder: Path, light: Light, amount: int, seed: int) -> None:
    for file, name in render_folder(folder / "all", light, amount, seed):
        (folder / name).mkdir(exist_ok=True)
        file.rename(folder / name / file.name)
    (folder / "all").rmdir()


def _infrared(folder: Path, part: str) -> None:
    """Make other pictures of the day grey, warm parts bright."""
    from PIL import Image, ImageOps  # noqa: PLC0415

    _sort(folder / "infrared" / part, Light.DAY, len([*(folder / "day" / part).glob("*/*")]), 7)
    for file in (folder / "infrared" / part).glob("*/*"):
        with Image.open(file) as picture:
            seen = ImageOps.invert(ImageOps.autocontrast(ImageOps.grayscale(picture)))
        seen.convert("RGB").save(file, quality=90)


def _figures(
    setting: Setting,
    course: _Course,
    bars: Mapping[str, Bar],
    others: Mapping[str, partial[Values]],
) -> list[Figure]:
    numbers = count()

    def measure(approach: _Approach) -> Values:
        """Run a job; each repetition has a seed of its own, the same one for all sides."""
        seed, side = divmod(next(numbers), len(_APPROACHES))
        folder = setting.folder / f"{course.kinds[0]}-{seed}-{side}"
        return _Job(folder, course, approach, seed).run()

    sides = {name: partial(measure, approach) for name, approach in _APPROACHES.items()}
    measured = setting.in_turn({**sides, **others})
    ours = {
        "largest drop of an earlier kind": Bar(limit=1.5, is_lowest=False),
        "wrong deployments": Bar(limit=0, is_lowest=False),
    }
    units = {"wrong deployments": "", "deployments": "", "labels": ""}
    return [
        Figure(
            side=side,
            name=name,
            unit=units.get(name, "%" if name in course.kinds else "points"),
            values=values,
            bar={**bars, **ours}.get(name) if side == _OURS else None,
        )
        for side, quantities in measured.items()
        for name, values in quantities.items()
        if name in course.kinds or name in ours or name in units
    ]


class _Job:
    """A job's rounds, by its own train and eval workers."""

    def __init__(self, folder: Path, course: _Course, approach: _Approach, seed: int) -> None:
        self._folder, self._course, self._approach = folder, course, approach
        self._seed = seed
        self._index = folder / "index.txt"
        self._deployed = folder / "deploy" / "model.onnx"
        self._held_out: Pairs = []
        self._base = course.base_model
        self._estimator = TinyMSClassifier(course.classes, course.input_size)

    def run(self) -> Values:
        """Return what the deployed model knows after all rounds, and how it came to it."""
        shutil.copytree(self._course.folder, self._folder / _PICTURES)
        seen: dict[str, float] = {}
        best: dict[str, float] = {}
        labels = deployments = wrong = 0
        for number, (kind, new) in enumerate(self._course.rounds(self._seed), start=1):
            labels += len(new)
            is_deployed = self._round(number, new)
            before = seen
            kinds = dict.fromkeys([*before, kind])
            seen = {each: self._accuracy(each) for each in kinds} if self._deployed.exists() else {}
            if is_deployed and number > 1:
                lost = [before.get(each, 0) - seen[each] for each in before]
                wrong += bool(before) and float(np.mean(lost)) > _WRONG
            deployments += is_deployed
            best = {each: max(best.get(each, 0), value) for each, value in seen.items()}
        earlier = [best[each] - seen[each] for each in list(seen)[:-1]]
        return {
            **{kind: 100 * value for kind, value in seen.items()},
            "largest drop of an earlier kind": 100 * max(earlier, default=0),
            "wrong deployments": wrong,
            "deployments": deployments,
            "labels": labels,
        }

    def _round(self, number: int, new: Pairs) -> bool:
        """Train and judge; return whether the candidate is deployed."""
        trained = self._folder / "train" / str(number)
        share = int(_TRAIN_PROB * len(new))
        self._held_out += new[share:]
        files = {
            name: self._folder / "data" / name / str(number) / "data.txt"
            for name in ("train", "eval")
        }
        self._write(files["train"], new[:share])
        self._write(files["eval"], self._held_out)
        self._write(self._index, new, is_added=True)
        reported(
            "train",
            BASE_MODEL_URL=self._base,
            MODEL_URL=trained,
            TRAIN_DATASET_URL=files["train"],
            **self._settings,
            **self._course.settings,
            **self._approach.settings,
        )
        candidate = trained / "model.onnx"
        if not self._approach.is_retraining:
            self._base = trained / "model.ckpt"
        is_better = number == 1 or self._is_better(candidate, files["eval"])
        if is_better:
            self._deployed.parent.mkdir(exist_ok=True)
            shutil.copyfile(candidate, self._deployed)
        return is_better

    def _is_better(self, candidate: Path, index: Path) -> bool:
        urls = f"{candidate};{self._deployed}"
        message = reported("eval", MODEL_URLS=urls, TEST_DATASET_URL=index, **self._settings)
        results = [result.metrics for result in message.results]
        trigger = Trigger(condition=self._approach.condition)
        return decide_deployment(trigger, results, datetime.now(UTC)).fires

    @property
    def _settings(self) -> dict[str, str | Path]:
        return {
            "ORIGINAL_DATASET_URL": self._index,
            "class_names": ",".join(self._course.classes),
            "input_shape": str(self._course.input_size),
            "seed": str(self._seed),
        }

    def _accuracy(self, kind: str) -> float:
        pictures = self._course.pictures(kind, "eval")
        classes = self._course.classes
        self._estimator.load(self._deployed)
        images = LabelledImages(
            [file for file, _ in pictures], [classes.index(name) for _, name in pictures]
        )
        return float(self._estimator.evaluate(images)["accuracy"][0])

    def _write(self, index: Path, pictures: Pairs, *, is_added: bool = False) -> None:
        index.parent.mkdir(parents=True, exist_ok=True)
        paths = ((each.relative_to(self._course.folder), name) for each, name in pictures)
        with index.open("a" if is_added else "w", encoding="utf-8") as file:
            file.writelines(f"{_PICTURES}/{path} {name}\n" for path, name in paths)
