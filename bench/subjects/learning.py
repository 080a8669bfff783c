"""Jobs through which pictures of a new kind come, and what their deployed models know."""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.classifier import TinyMSClassifier
from backend.classifier.frozen import FrozenPart
from backend.images.preprocessing import LabelledImages
from backend.metrics import Metrics
from backend.models import model_file
from bench.answering import Values, answer
from bench.workers import reported_here
from jobs.resources.schema import Trigger, TriggerCondition
from jobs.triggers import decide_deployment, train_share
from workers.contract import WorkerKind
from workers.eval.evaluation import evaluate
from workers.train.training import train

__all__ = ["APPROACHES", "DROP", "NEWEST", "OURS", "WORST_RECALL", "WRONG", "Course"]

OURS = "this project"
NEWEST = ", newest model"
"""After a kind: not the deployed model's accuracy, but that of the last round's."""
DROP = "largest drop of an earlier kind"
WRONG = "wrong deployments"
WORST_RECALL = "worst recall after an uneven round"

_TRAIN_SHARE = 0.8
_PICTURES = "pictures"
"""In the dataset's folder."""
_WRONG_LOSS = 0.01
"""A deployment that lowers the mean over the kinds of pictures so far by more is wrong."""
_UNEVEN = (1, 8, 16)
"""Of an uneven round, every so manieth picture of each class comes."""

Pairs = list[tuple[Path, str]]
"""Pictures and their classes."""


@dataclass(frozen=True)
class _Approach:
    """How a job learns, and when it deploys."""

    metric: str
    threshold: float
    settings: Mapping[str, str] = field(default_factory=dict)
    is_retraining: bool = False
    """Whether each round starts from the first model instead of the newest."""


APPROACHES = {
    "naive fine-tuning": _Approach(
        "accuracy_delta[0]",
        0.02,
        {"replay": "0", "balance": "false", "mixup": "0", "backbone_rate": "1"},
    ),
    OURS: _Approach("better_probability[0]", 0.95),
    "retraining on everything": _Approach(
        "samples[0]", -1, {"replay": "1000000"}, is_retraining=True
    ),
}


@dataclass(frozen=True)
class Course:
    """The pictures of a job, and what it trains."""

    folder: str
    """Has ``<kind>/train/<class>`` and ``<kind>/eval/<class>``."""
    kinds: Sequence[str]
    """In the order in which they come; all of the first in one round, the others in two."""
    base_model: str
    """What the first round starts from."""
    input_size: int
    settings: Mapping[str, str] = field(default_factory=dict)
    """More of the train worker's."""

    @property
    def classes(self) -> list[str]:
        """The names of the classes."""
        return sorted(each.name for each in Path(self.folder, self.kinds[0], "train").iterdir())

    def pictures(self, kind: str, part: str) -> Pairs:
        """Return what is there of a kind, ``train`` or ``eval``."""
        files = sorted(Path(self.folder, kind, part).glob("*/*"))
        return [(file, file.parent.name) for file in files]

    def labelled(self, pictures: Pairs) -> LabelledImages:
        """Return pictures with class numbers."""
        classes = self.classes
        return LabelledImages(
            [file for file, _ in pictures], [classes.index(name) for _, name in pictures]
        )

    def uneven(self, kind: str, seed: int) -> Pairs:
        """Return pictures of one kind, fewer of some classes."""
        pictures = self.pictures(kind, "train")
        chosen = [
            pair
            for name, step in zip(self.classes, cycle(_UNEVEN), strict=False)
            for pair in [each for each in pictures if each[1] == name][::step]
        ]
        return [chosen[at] for at in np.random.default_rng(seed).permutation(len(chosen))]

    def rounds(self, seed: int) -> Iterator[tuple[str, Pairs]]:
        """Yield the kind and the new pictures of each round."""
        for number, kind in enumerate(self.kinds):
            pictures = self.pictures(kind, "train")
            order = np.random.default_rng([seed, number]).permutation(len(pictures))
            for part in np.array_split(order, 1 if number == 0 else 2):
                yield kind, [pictures[place] for place in part]


def job(course: Mapping[str, Any], approach: str, seed: int, folder: str) -> Values:
    """Run a job; return the deployed model's accuracy on each kind, and how it came to it.

    Args:
        course: The fields of a `Course`.
        approach: One of `APPROACHES`.
        seed: Of the order of the pictures and of training.
        folder: For the job's files; the folder above it has what rounds of all jobs share.
    """
    known = Course(**course)
    return _Job(Path(folder), known, APPROACHES[approach], seed).run(known.rounds(seed))


def uneven_round(
    course: Mapping[str, Any], settings: Mapping[str, str], seed: int, folder: str
) -> Values:
    """Let a round of the second kind come with few pictures of some classes, and deploy anyway."""
    known = Course(**course)
    kind = known.kinds[1]
    rounds = [next(known.rounds(seed)), (kind, known.uneven(kind, seed))]
    started = _Job(Path(folder), known, _Approach("samples[0]", -1, settings), seed)
    started.run(rounds)
    return {WORST_RECALL: 100 * started.worst_recall(kind)}


class _Job:
    """A job's rounds, by its own train and eval workers."""

    def __init__(self, folder: Path, course: Course, approach: _Approach, seed: int) -> None:
        self._folder, self._course, self._approach = folder, course, approach
        self._seed = seed
        self._index = folder / "index.txt"
        self._deployed = folder / "deploy" / "model.onnx"
        self._held_out: Pairs = []
        self._base = self._newest = Path(course.base_model)
        self._estimator = TinyMSClassifier(course.classes, course.input_size)

    def run(self, rounds: Iterable[tuple[str, Pairs]]) -> Values:
        """Return what the deployed model knows after all rounds, and how it came to it."""
        shutil.copytree(self._course.folder, self._folder / _PICTURES)
        seen: dict[str, float] = {}
        best: dict[str, float] = {}
        labels = deployments = wrong = 0
        for number, (kind, new) in enumerate(rounds, start=1):
            labels += len(new)
            is_deployed = self._round(number, new)
            before = seen
            seen = {each: self._accuracy(each) for each in dict.fromkeys([*before, kind])}
            if is_deployed and number > 1:
                lost = [before[each] - seen[each] for each in before]
                wrong += float(np.mean(lost)) > _WRONG_LOSS
            deployments += is_deployed
            best = {each: max(best.get(each, 0), value) for each, value in seen.items()}
        earlier = [best[each] - seen[each] for each in list(seen)[:-1]]
        newest = {kind + NEWEST: 100 * self._accuracy(kind, self._newest) for kind in seen}
        return {
            **{kind: 100 * value for kind, value in seen.items()},
            **newest,
            DROP: 100 * max(earlier, default=0),
            WRONG: wrong,
            "deployments": deployments,
            "labels": labels,
        }

    def worst_recall(self, kind: str) -> float:
        """Return the deployed model's lowest recall of a class, 0 to 1."""
        return min(self._judged(kind)["recall"])

    def _round(self, number: int, new: Pairs) -> bool:
        """Train and judge; return whether the candidate is deployed."""
        trained = self._folder / "train" / str(number)
        share = train_share(_TRAIN_SHARE, len(new))
        self._held_out += new[share:]
        files = {
            name: self._folder / "data" / name / str(number) / "data.txt"
            for name in ("train", "eval")
        }
        self._write(files["train"], new[:share])
        self._write(files["eval"], self._held_out)
        self._write(self._index, new, is_added=True)
        reported_here(
            WorkerKind.TRAIN,
            train,
            BASE_MODEL_URL=self._base,
            MODEL_URL=trained,
            TRAIN_DATASET_URL=files["train"],
            cache_folder=self._folder.parent / "cache",
            **self._settings,
            **self._course.settings,
            **self._approach.settings,
        )
        candidate = self._newest = trained / "model.onnx"
        if not self._approach.is_retraining:
            self._base = trained / "model.ckpt"
        is_better = number == 1 or self._is_better(candidate, files["eval"])
        if is_better:
            self._deployed.parent.mkdir(exist_ok=True)
            shutil.copyfile(candidate, self._deployed)
        return is_better

    def _is_better(self, candidate: Path, index: Path) -> bool:
        message = reported_here(
            WorkerKind.EVAL,
            evaluate,
            MODEL_URLS=f"{candidate};{self._deployed}",
            TEST_DATASET_URL=index,
            **self._settings,
        )
        condition = TriggerCondition(
            metric=self._approach.metric, operator=">", threshold=self._approach.threshold
        )
        results = [result.metrics for result in message.results]
        return decide_deployment(Trigger(condition=condition), results, datetime.now(UTC)).fires

    @property
    def _settings(self) -> dict[str, str | Path]:
        return {
            "ORIGINAL_DATASET_URL": self._index,
            "class_names": ",".join(self._course.classes),
            "input_shape": str(self._course.input_size),
            "seed": str(self._seed),
        }

    def _accuracy(self, kind: str, model: Path | None = None) -> float:
        return float(self._judged(kind, model)["accuracy"][0])

    def _judged(self, kind: str, model: Path | None = None) -> Metrics:
        """Judge a model, by default the deployed one."""
        self._estimator.load(model or self._deployed)
        return self._estimator.evaluate(self._course.labelled(self._course.pictures(kind, "eval")))

    def _write(self, index: Path, pictures: Pairs, *, is_added: bool = False) -> None:
        index.parent.mkdir(parents=True, exist_ok=True)
        paths = ((each.relative_to(self._course.folder), name) for each, name in pictures)
        with index.open("a" if is_added else "w", encoding="utf-8") as file:
            file.writelines(f"{_PICTURES}/{path} {name}\n" for path, name in paths)


def logistic_regression(course: Mapping[str, Any], seed: int, folder: str) -> Values:
    """Fit logistic regression to the frozen features of all that a job trains on; see `job`."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    known = Course(**course)
    estimator = TinyMSClassifier(known.classes, known.input_size)
    estimator.load(known.base_model)
    Path(folder).mkdir()
    model = model_file.read(Path(estimator.save(f"{folder}/model.onnx"))).payload
    head = estimator.network.first_trained("head") or ""
    frozen = FrozenPart(model, head, estimator.input_format, Path(folder), 64, is_varied=False)

    def features(pairs: Pairs) -> NDArray[np.float16]:
        return frozen.activations([file for file, _ in pairs]).values[:, 0]

    shares = [new[: train_share(_TRAIN_SHARE, len(new))] for _, new in known.rounds(seed)]
    trained = [pair for share in shares for pair in share]
    regression = LogisticRegression(max_iter=1000).fit(features(trained), [c for _, c in trained])
    judged = {kind: known.pictures(kind, "eval") for kind in known.kinds}
    return {
        kind: 100 * regression.score(features(pairs), [c for _, c in pairs])
        for kind, pairs in judged.items()
    }


def first_model(course: Mapping[str, Any], epochs: int) -> Values:
    """Train a course's base model on its first kind of pictures, from untrained weights."""
    known = Course(**course)
    estimator = TinyMSClassifier(known.classes, known.input_size)
    pictures = known.labelled(known.pictures(known.kinds[0], "train"))
    estimator.train(pictures, epochs=epochs)
    estimator.save(known.base_model)
    return {}


if __name__ == "__main__":
    answer(first_model, job, logistic_regression, uneven_round)
