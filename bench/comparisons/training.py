"""Full fine-tuning, a head-only round, and both to the same accuracy."""

from collections.abc import Mapping
from functools import partial
from itertools import count
from pathlib import Path

from bench.errors import SubjectError
from bench.measure import Values, peer, subject
from bench.results import Bar, Figure, ratio
from bench.setting import Comparison, Setting
from bench.workers import train_models

__all__ = ["ACCURACY", "COMPILATION", "FULL_FINE_TUNING", "HEAD_ROUND"]

_BATCH_SIZE = 16
_TARGET = 0.97


def _full_fine_tuning(setting: Setting) -> list[Figure]:
    images, epochs = (16, 2) if setting.is_quick else (96, 3)
    arguments = {"index": setting.pictures(images), "epochs": epochs, "batch_size": _BATCH_SIZE}
    measured = setting.in_turn(
        {
            "this project": partial(subject, "full_fine_tuning", **arguments),
            "PyTorch": partial(peer, "torch_full_fine_tuning", **arguments),
        }
    )
    ours, theirs = (
        Figure(
            side=side, name="full fine-tuning", unit="images/s", values=values["images_per_second"]
        )
        for side, values in measured.items()
    )
    bar = Bar(limit=1.0, is_lowest=True)
    return [ours, theirs, ratio(ours, theirs, "full fine-tuning", bar)]


def _head_round(setting: Setting) -> list[Figure]:
    index = setting.pictures(100 if setting.is_quick else 1000)
    measured = _cold_and_warm(setting, "head-round", index, fine_tune="head")
    limits = {"cold cache": 15.0, "warm cache": 6.0}
    seconds = [
        Figure(
            side=f"this project, {side}",
            name="head-only round, worker start to report",
            unit="s",
            values=values["report_seconds"],
            bar=Bar(limit=limits[side], is_lowest=False),
        )
        for side, values in measured.items()
    ]
    memory = Figure(
        side="this project",
        name="peak memory of head-only training",
        unit="MiB",
        values=measured["cold cache"]["peak_mib"],
        bar=Bar(limit=1.2 * 1024, is_lowest=False),
    )
    return [*seconds, memory]


def _compilation(setting: Setting) -> list[Figure]:
    index = setting.pictures(2 * _BATCH_SIZE)
    measured = _cold_and_warm(setting, "compilation", index, fine_tune="full", epochs="1")
    return [
        Figure(
            side=f"this project, {side}",
            name="one epoch of full fine-tuning on 32 images, worker start to report",
            unit="s",
            values=values["report_seconds"],
        )
        for side, values in measured.items()
    ]


def _cold_and_warm(
    setting: Setting, name: str, index: Path, **settings: str
) -> Mapping[str, Mapping[str, tuple[float, ...]]]:
    """Run a train worker without anything kept before, and again with what that one has left."""
    base, folder, numbers = setting.model.with_suffix(".ckpt"), setting.folder / name, count()

    def train() -> Values:
        number = next(numbers)
        # The sides take turns: every second one finds what the one before has left.
        cache = folder / f"cache-{number // 2}"
        return train_models(index, base, folder / f"{number}", cache, **settings)

    return setting.in_turn({"cold cache": train, "warm cache": train})


def _accuracy(setting: Setting) -> list[Figure]:
    arguments, numbers = setting.photographs, count()

    def seed() -> int:
        """Return the repetition's number, for both sides."""
        return next(numbers) // 2

    target = 0.5 if setting.is_quick else _TARGET
    measured = setting.in_turn(
        {
            "PyTorch, full": lambda: peer(
                "torch_to_accuracy", target=target, seed=seed(), **arguments
            ),
            "this project, head": lambda: subject("head_to_accuracy", seed=seed(), **arguments),
        }
    )
    for side, values in measured.items():
        if min(values["accuracy"]) < _TARGET and not setting.is_quick:
            raise SubjectError(f"{side} stayed at an accuracy of {min(values['accuracy']):.3f}.")
    name = "start to 97 % of the held-out photographs"
    theirs, ours = (
        Figure(side=side, name=name, unit="s", values=values["process_seconds"])
        for side, values in measured.items()
    )
    epochs = [
        Figure(side=side, name="epochs until then", unit="epochs", values=values["epochs"])
        for side, values in measured.items()
    ]
    return [theirs, ours, ratio(theirs, ours, name, Bar(limit=10.0, is_lowest=True)), *epochs]


FULL_FINE_TUNING = Comparison(
    "full-fine-tuning",
    "Full fine-tuning",
    "MobileNetV2 1.0 at 224 pixels, batches of 16, Adam, label smoothing 0.1, two threads, from"
    " untrained weights. Both read the same JPEG files of 224 pixels and augment alike beside"
    " training (crop, mirror, brightness, contrast, saturation); PyTorch's network is built from"
    " this project's list of layers, parameter shapes compared, in channels-last layout, eager."
    " The first epoch, which compiles, does not count.",
    _full_fine_tuning,
)

HEAD_ROUND = Comparison(
    "head-round",
    "A head-only round of 1000 images",
    "`python -m workers.train` on 1000 JPEG files of 224 pixels, ten epochs, from the process's"
    " start until the LocalController has its report; imports, decoding, saving in two formats"
    " included. Cold: an empty cache. Warm: the features and the compiled graph that the cold run"
    " has left.",
    _head_round,
)

COMPILATION = Comparison(
    "compilation",
    "What a kept graph saves",
    "`python -m workers.train`, two steps of full fine-tuning at 224 pixels, from the process's"
    " start until the LocalController has its report. Cold: MindSpore compiles the graph. Warm: it"
    " is the one that the cold run has kept, as in every later round of a job.",
    _compilation,
)

ACCURACY = Comparison(
    "accuracy",
    "To 97 % on photographs",
    "From the same ImageNet weights, 180 photographs of dogs and croissants to train on and 60"
    " held out, from the process's start to its end. This project: five epochs of the head, then"
    " an evaluation of the model saved in ONNX, as in a round. PyTorch: full fine-tuning with Adam,"
    " batches of 16, evaluated after each epoch, ended at the first evaluation of 97 % or more."
    " Each repetition has a seed of its own.",
    _accuracy,
)
