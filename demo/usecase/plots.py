"""The page's pictures, on white, so that they read on a light and on a dark page."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from backend.files import replaced_atomically
from demo.pictures import CLASS_NAMES, Light, render
from demo.usecase.record import Record
from demo.usecase.shares import interval
from workers.data.answers import HardExample

__all__ = ["draw_accuracy", "draw_examples", "draw_hard_examples"]

_COLOURS = {Light.DAY: "#c2660c", Light.NIGHT: "#26418f"}
_COLUMNS = 6

_Titled = tuple[Image.Image, str]


def draw_examples(target: Path) -> None:
    """Draw a row of pictures by day and one by night, both classes in turn."""
    rows: dict[str, list[_Titled]] = {light: [] for light in Light}
    for light in Light:
        for number in range(_COLUMNS):
            name = CLASS_NAMES[number % len(CLASS_NAMES)]
            rng = np.random.default_rng([number, *light.encode()])
            rows[light].append((render(name, light, rng), name))
    _draw_grid(rows, target)


def draw_hard_examples(run: Record, target: Path) -> None:
    """Draw the most uncertain of the labelled pictures, and the surest mistakes."""
    uncertain, others = run.labelled[:_COLUMNS], run.labelled[_COLUMNS:]
    mistakes = [each for each in others if each.label != each.true_label]
    rows = {"uncertain": uncertain, "mistakes": mistakes[: -_COLUMNS - 1 : -1]}
    folder = run.setting.hard_examples
    titled = {
        name: [(Image.open(folder / each.image), _title(each)) for each in row]
        for name, row in rows.items()
    }
    _draw_grid(titled, target)


def _title(example: HardExample) -> str:
    return f"{example.true_label}\nsays {example.label}, {100 * example.certainty:.0f} %"


def draw_accuracy(runs: Sequence[Record], target: Path) -> None:
    """Draw each run's accuracy by day and by night, moment by moment, with 95 % intervals."""
    figure = Figure(figsize=(3 * len(runs), 3.2), dpi=150, layout="constrained")
    panels = figure.subplots(1, len(runs), sharey=True, squeeze=False)[0]
    for run, panel in zip(runs, panels, strict=True):
        names = [each.removeprefix("after ").removesuffix(" model") for each in run.moments]
        for light in Light:
            shares = [run.accuracy(moment, light) for moment in run.moments]
            values = np.array([100 * share.value for share in shares])
            low, high = 100 * np.array([interval(share) for share in shares]).T
            errors = (values - low, high - values)
            panel.errorbar(names, values, errors, marker="o", capsize=2, color=_COLOURS[light])
        panel.set_title(run.name)
        panel.yaxis.set_major_formatter("{x:.0f} %")
        panel.grid(axis="y")
    panels[0].set_ylabel("accuracy, held-out pictures")
    panels[0].legend(list(Light), loc="lower right")
    _save(figure, target)


def _draw_grid(rows: Mapping[str, Sequence[_Titled]], target: Path) -> None:
    figure = Figure(figsize=(9, 1.9 * len(rows)), dpi=120, layout="constrained")
    grid = figure.subplots(len(rows), _COLUMNS, squeeze=False)
    for (name, pictures), panels in zip(rows.items(), grid, strict=True):
        panels[0].set_ylabel(name)
        for panel in panels:
            panel.set(xticks=[], yticks=[])
        for (picture, title), panel in zip(pictures, panels, strict=False):
            panel.imshow(np.asarray(picture))
            panel.set_title(title, fontsize="small")
    _save(figure, target)


def _save(figure: Figure, target: Path) -> None:
    with replaced_atomically(target) as temporary:
        figure.savefig(temporary)
