"""Full fine-tuning, a head-only round, and both to the same accuracy."""

from functools import partial
from itertools import count
from pathlib import Path

from bench.answering import Values
from bench.measure import SubjectError, peer, subject
from bench.results import Bar, Figure, Measured, figures, ratio
from bench.setting import Setting
from bench.workers import train_models

__all__ = ["accuracy", "compilation", "full_fine_tuning", "head_round"]

_BATCH_SIZE = 16
_TARGET = 0.97
_COLD, _WARM = "this project, cold cache", "this project, warm cache"


def full_fine_tuning(setting: Setting) -> list[Figure]:
    """Compare full fine-tuning with PyTorch."""
    images, epochs = (16, 2) if setting.is_quick else (96, 3)
    arguments = {"index": setting.pictures(images), "epochs": epochs, "batch_size": _BATCH_SIZE}
    measured = setting.in_turn(
        {
            "this project": partial(subject, "estimator.full_fine_tuning", **arguments),
            "PyTorch": partial(peer, "torch_sides.full_fine_tuning", **arguments),
        }
    )
    ours, theirs = figures(measured, "images_per_second", "full fine-tuning", "images/s")
    bar = Bar(limit=1.0, is_lowest=True)
    return [ours, theirs, ratio(ours, theirs, "full fine-tuning", bar)]


def head_round(setting: Setting) -> list[Figure]:
    """Run the train worker with nothing kept, and with what the run before has left."""
    index = setting.pictures(100 if setting.is_quick else 1000)
    measured = _cold_and_warm(setting, "head-round", index, fine_tune="head")
    name = "head-only round, worker start to report"
    bars = {_COLD: Bar(limit=15.0, is_lowest=False), _WARM: Bar(limit=6.0, is_lowest=False)}
    memory = Figure(
        side="this project",
        name="peak memory of head-only training",
        unit="MiB",
        values=measured[_COLD]["peak_mib"],
        bar=Bar(limit=1.2 * 1024, is_lowest=False),
    )
    return [*figures(measured, "report_seconds", name, "s", bars), memory]


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
        return train_models(index, base, folder / f"{number}", cache, **settings)

    return setting.in_turn({_COLD: train, _WARM: train})


def accuracy(setting: Setting) -> list[Figure]:
    """Train to an accuracy on photographs, in this project and in PyTorch."""
    arguments, numbers = setting.photographs, count()

    def seed() -> int:
        """Return the repetition's number, for both sides."""
        return next(numbers) // 2

    target = 0.5 if setting.is_quick else _TARGET
    measured = setting.in_turn(
        {
            "PyTorch, full": lambda: peer(
                "torch_sides.to_accuracy", target=target, seed=seed(), **arguments
            ),
            "this project, head": lambda: subject(
                "estimator.head_to_accuracy", seed=seed(), **arguments
            ),
        }
    )
    for side, values in measured.items():
        if min(values["accuracy"]) < _TARGET and not setting.is_quick:
            raise SubjectError(f"{side} stayed at an accuracy of {min(values['accuracy']):.3f}.")
    name = "start to 97 % of the held-out photographs"
    theirs, ours = figures(measured, "process_seconds", name, "s")
    epochs = figures(measured, "epochs", "epochs until then", "epochs")
    return [theirs, ours, ratio(theirs, ours, name, Bar(limit=10.0, is_lowest=True)), *epochs]
