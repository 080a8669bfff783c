"""How much jobs learn of new kinds of pictures, and what they lose of the earlier ones."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from itertools import count
from pathlib import Path
from types import MappingProxyType

from bench.answering import Values
from bench.measure import subject
from bench.results import Bar, Figure, figures
from bench.setting import Setting
from bench.subjects.learning import APPROACHES, DROP, NEWEST, OURS, WORST_RECALL, WRONG, Course
from demo.pictures import Light, render_folder

__all__ = ["learning_photographs", "learning_rendered"]

_BARS = {DROP: Bar(limit=1.5, is_lowest=False), WRONG: Bar(limit=0, is_lowest=False)}
_UNITS = {WRONG: "", "deployments": "", "labels": "", DROP: "points"}
_UNEVEN_PEERS = {
    "balance: false": {"balance": "false"},
    "120 older pictures, nothing balanced or mixed": {
        "replay": "120",
        "balance": "false",
        "mixup": "0",
        "backbone_rate": "1",
    },
}
"""The last one is what the project did before it had a recipe of its own; the bar is against it."""


def learning_photographs(setting: Setting) -> list[Figure]:
    """Learn cartoons after photographs, from ImageNet weights."""
    weights = str(setting.photographs["weights"])
    settings = {"epochs": "1"} if setting.is_quick else {}
    course = Course(str(setting.shift), ("photo", "cartoon"), weights, 224, settings)
    bars = {"photo": Bar(limit=97, is_lowest=True), "cartoon": Bar(limit=88, is_lowest=True)}
    return [*_figures(setting, course, bars), *_uneven(setting, course)]


def learning_rendered(setting: Setting) -> list[Figure]:
    """Learn the night, and what an infrared camera sees, after the day."""
    folder = setting.folder / "rendered"
    amounts = (20, 8) if setting.is_quick else (160, 120)
    for number, (part, amount) in enumerate(zip(("train", "eval"), amounts, strict=True)):
        for light in Light:
            _sort(folder / light / part, light, amount, seed=number)
        _infrared(folder, part)
    settings = {"fine_tune": "full", "epochs": "1" if setting.is_quick else "5"}
    base_model = str(folder / "first.ckpt")
    course = Course(str(folder), ("day", "night", "infrared"), base_model, 96, settings)
    subject("learning.first_model", course=asdict(course), epochs=1 if setting.is_quick else 12)
    return _figures(setting, course)


def _sort(folder: Path, light: Light, amount: int, seed: int) -> None:
    for file, name in render_folder(folder / "all", light, amount, seed):
        (folder / name).mkdir(exist_ok=True)
        file.rename(folder / name / file.name)
    (folder / "all").rmdir()


def _infrared(folder: Path, part: str) -> None:
    """Make other pictures of the day grey, warm parts bright."""
    from PIL import Image, ImageOps  # noqa: PLC0415

    amount = len([*(folder / "day" / part).glob("*/*")])
    _sort(folder / "infrared" / part, Light.DAY, amount, seed=7 + len(part))
    for file in (folder / "infrared" / part).glob("*/*"):
        with Image.open(file) as picture:
            seen = ImageOps.invert(ImageOps.autocontrast(ImageOps.grayscale(picture)))
        seen.convert("RGB").save(file, quality=90)


def _figures(
    setting: Setting, course: Course, bars: Mapping[str, Bar] = MappingProxyType({})
) -> list[Figure]:
    """Run every approach, and the plain peer, with a seed for each repetition."""
    described = asdict(course)
    sides = {
        name: _seeded(setting, name, "learning.job", course=described, approach=name)
        for name in APPROACHES
    }
    peer = _seeded(setting, "peer", "learning.logistic_regression", course=described)
    measured = setting.in_turn({**sides, "logistic regression": peer})
    newest = [kind + NEWEST for kind in course.kinds]
    shown = {**dict.fromkeys([*course.kinds, *newest], "%"), **_UNITS}
    return [
        Figure(
            side=side,
            name=name,
            unit=shown[name],
            values=values,
            bar={**bars, **_BARS}.get(name) if side == OURS else None,
        )
        for side, quantities in measured.items()
        for name, values in quantities.items()
        if name in shown
    ]


def _uneven(setting: Setting, course: Course) -> list[Figure]:
    """Compare the worst recall after a round with few pictures of some classes."""
    described = asdict(course)
    measured = setting.in_turn(
        {
            side: _seeded(
                setting, side, "learning.uneven_round", course=described, settings=settings
            )
            for side, settings in {OURS: {}, **_UNEVEN_PEERS}.items()
        }
    )
    ours, *peers = figures(measured, WORST_RECALL, WORST_RECALL, "%")
    gains = [
        Figure(
            side=f"{ours.side} - {peer.side}",
            name=WORST_RECALL,
            unit="points",
            values=tuple(a - b for a, b in zip(ours.values, peer.values, strict=True)),
            bar=Bar(limit=10, is_lowest=True) if peer is peers[-1] else None,
        )
        for peer in peers
    ]
    return [ours, *peers, *gains]


def _seeded(setting: Setting, side: str, name: str, **arguments: object) -> partial[Values]:
    """Return what calls a subject, each time with the next seed and a folder of its own."""
    seeds = count()

    def measure() -> Values:
        seed = next(seeds)
        folder = setting.folder / f"{name}-{side}-{seed}".replace(" ", "-").replace(",", "")
        return subject(name, seed=seed, folder=folder, **arguments)

    return partial(measure)
