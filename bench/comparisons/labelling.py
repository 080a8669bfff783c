"""How much labels teach, by the order in which pictures were offered to be labelled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.classifier import TinyMSClassifier
from backend.images.preprocessing import LabelledImages, preprocess_batch
from bench.answering import Values
from bench.results import Bar, Figure
from bench.setting import Setting
from demo.pictures import Light, render_folder
from workers.data.answers import HardExample, packed_features
from workers.learning.offering import by_uncertainty, offered
from workers.learning.sampling import number_kinds, repeats_of_rare

__all__ = ["labelling_photographs", "labelling_rendered"]

_LABELS = (20, 40, 60, 90)
_POOL = 0.85
"""Share of the new pictures that wait; each repetition draws others."""
_BASE = 0.8
"""Share of the earlier pictures that the head was trained on, drawn likewise."""
_OURS, _RANDOM = "this project", "random"

Pictures = Sequence[tuple[Path, str]]
Order = Callable[[Sequence[HardExample], np.random.Generator], Sequence[HardExample]]


def _at_random(
    waiting: Sequence[HardExample], generator: np.random.Generator
) -> Sequence[HardExample]:
    return [waiting[place] for place in generator.permutation(len(waiting))]


_ORDERS: dict[str, Order] = {
    _RANDOM: _at_random,
    "most uncertain": lambda waiting, _: by_uncertainty(waiting),
    _OURS: lambda waiting, _: offered(waiting, [], max(_LABELS)),
}


class _Known(NamedTuple):
    """Pictures as the frozen backbone sees them."""

    features: NDArray[np.float32]
    labels: NDArray[np.str_]

    def drawn(self, share: float, generator: np.random.Generator) -> "_Known":
        places = generator.permutation(len(self.labels))[: int(share * len(self.labels))]
        return _Known(self.features[places], self.labels[places])


@dataclass(frozen=True)
class _Course:
    """What the head knows, what waits for labels, and what it is judged on."""

    base: _Known
    new: _Known
    judged: _Known

    def accuracies(self, order: Order, seed: int) -> Values:
        """Return the accuracy on new pictures, percent, after so many labels."""
        generator = np.random.default_rng(seed)
        base, pool = self.base.drawn(_BASE, generator), self.new.drawn(_POOL, generator)
        head = _head(base)
        places = [int(each.image) for each in order(_waiting(head, pool), generator)]
        values = {"0 labels": self._accuracy(head)}
        for labels in _LABELS:
            chosen = places[:labels]
            added = _Known(pool.features[chosen], pool.labels[chosen])
            values[f"{labels} labels"] = self._accuracy(_head(base, added))
        return values

    def _accuracy(self, head: Any) -> float:
        return 100 * float(head.score(self.judged.features, self.judged.labels))


def labelling_photographs(setting: Setting) -> list[Figure]:
    """Label cartoons after photographs, with the features of ImageNet weights."""
    folder = setting.shift
    estimator = TinyMSClassifier(sorted(each.name for each in (folder / "photo/train").iterdir()))
    estimator.load(setting.photographs["weights"])
    _serve(estimator, setting.folder / "photographs.onnx")

    def known(part: str) -> _Known:
        files = sorted((folder / part).glob("*/*"))
        return _seen(estimator, [(file, file.parent.name) for file in files])

    return _figures(
        setting, _Course(known("photo/train"), known("cartoon/train"), known("cartoon/eval"))
    )


def labelling_rendered(setting: Setting) -> list[Figure]:
    """Label pictures of the night after those of the day, with what a day's training has learnt."""
    folder, amounts = setting.folder / "labelling", (320, 400, 300)
    if setting.is_quick:
        amounts = (40, 120, 20)
    day = render_folder(folder / "day", Light.DAY, amounts[0], seed=1)
    classes = sorted({label for _, label in day})
    estimator = TinyMSClassifier(classes, 96)
    images = LabelledImages([path for path, _ in day], [classes.index(label) for _, label in day])
    estimator.train(images, epochs=1 if setting.is_quick else 8)
    waiting = render_folder(folder / "waiting", Light.NIGHT, amounts[1], seed=3)
    judged = render_folder(folder / "judged", Light.NIGHT, amounts[2], seed=4)
    _serve(estimator, folder / "model.onnx")
    return _figures(setting, _Course(*(_seen(estimator, each) for each in (day, waiting, judged))))


def _serve(estimator: TinyMSClassifier, model: Path) -> None:
    """Run it as it is served: only an ONNX model tells its features."""
    estimator.load(estimator.save(model))


def _seen(estimator: TinyMSClassifier, pictures: Pictures) -> _Known:
    inputs = [
        preprocess_batch([path for path, _ in pictures[start : start + 16]], estimator.input_format)
        for start in range(0, len(pictures), 16)
    ]
    features = [estimator.probabilities_and_features(each)[1] for each in inputs]
    return _Known(np.concatenate(features), np.array([label for _, label in pictures]))


def _head(base: _Known, added: _Known | None = None) -> Any:
    """Train a head on both, each class of each counting alike, as a round does."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    rounds = [base, added] if added else [base]
    kinds = number_kinds(
        (number, label) for number, each in enumerate(rounds) for label in each.labels
    )
    return LogisticRegression(max_iter=1000).fit(
        np.concatenate([each.features for each in rounds]),
        np.concatenate([each.labels for each in rounds]),
        sample_weight=repeats_of_rare(kinds),
    )


def _waiting(head: Any, pool: _Known) -> list[HardExample]:
    """Return the pool as the inference worker keeps it; a picture's name is its place."""
    rows = zip(head.predict_proba(pool.features).tolist(), pool.features, strict=True)
    return [
        HardExample(
            image=str(place),
            time=datetime.now(UTC),
            label=str(head.classes_[int(np.argmax(row))]),
            probabilities=dict(zip(head.classes_.tolist(), row, strict=True)),
            miner=None,
            hard=True,
            model_version="",
            features=packed_features(features),
        )
        for place, (row, features) in enumerate(rows)
    ]


def _figures(setting: Setting, course: _Course) -> list[Figure]:
    numbers = count()

    def measure(order: Order) -> Values:
        """Each repetition has a seed of its own, the same one for all sides."""
        return course.accuracies(order, next(numbers) // len(_ORDERS))

    measured = setting.in_turn({side: partial(measure, each) for side, each in _ORDERS.items()})
    medians = {quantity: float(np.median(values)) for quantity, values in measured[_RANDOM].items()}
    bars = {
        f"{labels} labels": Bar(limit=medians[f"{labels} labels"], is_lowest=True)
        for labels in _LABELS[:3]
    }
    bars["60 labels"] = Bar(limit=max(medians["60 labels"], medians["90 labels"]), is_lowest=True)
    return [
        Figure(
            side=side,
            name=name,
            unit="%",
            values=values,
            bar=bars.get(name) if side == _OURS else None,
        )
        for side, quantities in measured.items()
        for name, values in quantities.items()
    ]
