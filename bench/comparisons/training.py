"""Full fine-tuning, a head-only round, and the way to the same accuracy."""

from functools import partial
from itertools import count
from pathlib import Path

from bench.answering import Values
from bench.machine import number_types
from bench.measure import SubjectError, peer, subject
from bench.results import Bar, Figure, Measured, figures, parts, ratio
from bench.setting import Setting
from bench.workers import evaluate_models, train_models

__all__ = [
    "accuracy",
    "against_best",
    "compilation",
    "full_fine_tuning",
    "head_round",
    "training_steps",
]

_BATCH_SIZE = 16
_TARGET = 0.97
_OURS = "this project"
_COLD, _WARM = "this project, cold cache", "this project, warm cache"


def training_steps(setting: Setting) -> list[Figure]:
    """Compare steps on a batch in memory with PyTorch at each of its settings."""
    arguments = {"batch_size": _BATCH_SIZE, "steps": 2 if setting.is_quick else 12}
    measured = setting.in_turn(
        {_OURS: partial(subject, "estimator.training_steps", **arguments)}
        | {
            f"PyTorch, {name}{', compiled' if compiled else ''}": partial(
                peer,
                "torch_sides.training_steps",
                bfloat16=name == "bfloat16",
                compiled=compiled,
                **arguments,
            )
            for name in number_types()
            for compiled in (False, True)
        }
    )
    ours, *theirs = figures(measured, "images_per_second", "training, in memory", "images/s")
    same = [each for each in theirs if "float32" in each.side]
    return [
        *(ours, *theirs),
        against_best(ours, same, 1.2),
        against_best(ours, theirs, 1.0),
    ]


def full_fine_tuning(setting: Setting) -> list[Figure]:
    """Compare full fine-tuning from files with PyTorch at each number of its loader's workers."""
    images, epochs = (16, 2) if setting.is_quick else (96, 3)
    arguments = {"index": setting.pictures(images), "epochs": epochs, "batch_size": _BATCH_SIZE}
    measured = setting.in_turn(
        {_OURS: partial(subject, "estimator.full_fine_tuning", **arguments)}
        | {
            f"PyTorch, {name}, loaders: {workers}": partial(
                peer,
                "torch_sides.full_fine_tuning",
                workers=workers,
                bfloat16=name == "bfloat16",
                **arguments,
            )
            for name in number_types()
            for workers in (0, 1, 2)
        }
    )
    ours, *theirs = figures(measured, "images_per_second", "full fine-tuning", "images/s")
    return [ours, *theirs, against_best(ours, theirs, 1.3)]


def against_best(ours: Figure, theirs: list[Figure], least: float) -> Figure:
    """Divide by the peer's setting that is fastest here."""
    best = max(theirs, key=lambda each: each.median)
    return ratio(ours, best, ours.name, Bar(limit=least, is_lowest=True))


def head_round(setting: Setting) -> list[Figure]:
    """Run the train worker with nothing kept, and with what the run before has left."""
    index = setting.pictures(100 if setting.is_quick else 1000)
    measured = _cold_and_warm(setting, "head-round", index, fine_tune="head")
    name = "head-only round, worker start to report"
    bars = {_COLD: Bar(limit=7.0, is_lowest=False), _WARM: Bar(limit=2.5, is_lowest=False)}
    memory = Figure(
        side="this project",
        name="peak memory of head-only training",
        unit="MiB",
        values=measured[_COLD]["peak_mib"],
        bar=Bar(limit=1.2 * 1024, is_lowest=False),
    )
    return [*figures(measured, "report_seconds", name, "s", bars), memory]


def phases(setting: Setting) -> list[Figure]:
    """Say where the time of a head-only round's workers goes."""
    images, epochs = (20, 2) if setting.is_quick else (500, 10)
    index, model, numbers = setting.pictures(images), setting.model(), count()
    folder = setting.folder / "phases"

    def train() -> Values:
        number = next(numbers)
        return train_models(
            index,
            model.with_suffix(".ckpt"),
            folder / f"{number}",
            folder / f"cache-{number}",
            {"fine_tune": "head", "epochs": str(epochs)},
            ends={
                "start, settings, index": "training on",
                "framework, features, first epoch": "epoch 1/",
                "other epochs": f"epoch {epochs}/",
                "saving, report": "reported train",
            },
        )

    def evaluate() -> Values:
        ends = {"start, settings, index": "evaluating", "both models, report": "reported eval"}
        return evaluate_models(index, (model, model), ends)

    measured = setting.in_turn({"train worker": train, "eval worker": evaluate})
    return parts(measured, "s")


def compilation(setting: Setting) -> list[Figure]:
    """Do the same with two steps of full fine-tuning, which are mostly compilation."""
    index = setting.pictures(2 * _BATCH_SIZE)
    measured = _cold_and_warm(setting, "compilation", index, fine_tune="full", epochs="1")
    name = "one epoch of full fine-tuning on 32 images, worker start to report"
    return figures(measured, "report_seconds", name, "s")


def _cold_and_warm(setting: Setting, name: str, index: Path, **settings: str) -> Measured:
    """Run a train worker without anything kept before, and again with what that one has left."""
    base, folder, numbers = setting.model().with_suffix(".ckpt"), setting.folder / name, count()

    def train() -> Values:
        number = next(numbers)
        # The sides take turns: every second one finds what the previous one has left.
        cache = folder / f"cache-{number // 2}"
        return train_models(index, base, folder / f"{number}", cache, settings)

    return setting.in_turn({_COLD: train, _WARM: train})


def accuracy(setting: Setting) -> list[Figure]:
    """Train to an accuracy on photographs, in this project and in its peers."""
    arguments, numbers = setting.photographs, count()
    target = 0.5 if setting.is_quick else _TARGET
    full, head, regression = "PyTorch, full", "PyTorch, head", "scikit-learn on ONNX Runtime"
    backbone = setting.folder / "backbone"
    backbone.mkdir()
    subject("estimator.make_backbone", folder=backbone, weights=arguments["weights"])
    given = {"backbone": backbone / "backbone.onnx", "photos": arguments["photos"]}

    def seed() -> int:
        """Return the repetition's number, for all sides that draw."""
        return next(numbers) // 3

    measured = setting.in_turn(
        {
            full: lambda: peer("torch_sides.to_accuracy", target=target, seed=seed(), **arguments),
            head: lambda: peer("torch_sides.head_to_accuracy", seed=seed(), **arguments),
            regression: partial(peer, "sklearn_sides.to_accuracy", **given),
            _OURS: lambda: subject("estimator.head_to_accuracy", seed=seed(), **arguments),
        }
    )
    for side, values in measured.items():
        if min(values["accuracy"]) < _TARGET and not setting.is_quick:
            raise SubjectError(f"{side} stayed at an accuracy of {min(values['accuracy']):.3f}.")
    name = "start to 97 % of the held-out photographs"
    bars = {head: Bar(limit=2.0, is_lowest=True), regression: Bar(limit=1.0, is_lowest=True)}
    *theirs, ours = figures(measured, "process_seconds", name, "s")
    return [*theirs, ours, *(ratio(each, ours, name, bars.get(each.side)) for each in theirs)]
