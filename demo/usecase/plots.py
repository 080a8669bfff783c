"""The page's pictures, on white, so that they read on a light and on a dark page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from backend.files import replaced_atomically
from demo.pictures import CLASS_NAMES, Condition, render
from demo.usecase.told import Told

__all__ = ["draw_accuracy", "draw_confusion", "draw_examples"]

_COLOURS = {Condition.DAY: "#c2660c", Condition.NIGHT: "#26418f"}
_INK, _RULE = "#333333", "#dddddd"
_DOTS_PER_INCH = 150
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.edgecolor": _INK,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
}
_EXAMPLES = 6
_ROOM_FOR_LABELS = 0.4
_DARK = 0.5


def draw_examples(target: Path) -> None:
    """Draw a row of pictures by day and one by night, both classes in turn."""
    with rc_context(_STYLE):
        figure = Figure(figsize=(7.2, 2.55), layout="constrained")
        rows = figure.subplots(len(Condition), _EXAMPLES)
        for condition, row in zip(Condition, rows, strict=True):
            _draw_row(row, condition)
        _save(figure, target)


def draw_accuracy(stories: Sequence[Told], target: Path) -> None:
    """Draw each run's accuracy by day and by night, moment by moment, with 95 % intervals."""
    with rc_context(_STYLE):
        figure = Figure(figsize=(2.8 * len(stories), 3), layout="constrained")
        panels = figure.subplots(1, len(stories), sharey=True, squeeze=False)[0]
        for story, panel in zip(stories, panels, strict=True):
            _draw_story(panel, story)
        panels[0].set_ylabel("accuracy, held-out pictures")
        _save(figure, target)


def draw_confusion(story: Told, target: Path) -> None:
    """Draw the confusion matrices of the initial and the last serving model, by condition."""
    with rc_context(_STYLE):
        figure = Figure(figsize=(7.2, 2.2), layout="constrained")
        panels = figure.subplots(1, 2 * len(Condition))
        moments = [(condition, moment) for condition in Condition for moment in (0, -1)]
        for (condition, moment), panel in zip(moments, panels, strict=True):
            _draw_matrix(panel, story.confusion(moment, condition.value))
            panel.set_title(f"{condition.value}, {story.moments[moment]}")
        panels[0].set_ylabel("true class")
        figure.supxlabel("predicted class", fontsize=9)
        _save(figure, target)


def _draw_row(row: Sequence[Axes], condition: Condition) -> None:
    for number, panel in enumerate(row):
        class_name = CLASS_NAMES[number % len(CLASS_NAMES)]
        rng = np.random.default_rng([number, *condition.encode()])
        panel.imshow(np.asarray(render(class_name, condition, rng)))
        panel.set_title(class_name, pad=2)
        panel.set(xticks=[], yticks=[])
    row[0].set_ylabel(condition.value)


def _draw_story(panel: Axes, story: Told) -> None:
    ends = {each: story.accuracy(each.value)[-1].value for each in Condition}
    for condition in Condition:
        shares = story.accuracy(condition.value)
        values = [100 * share.value for share in shares]
        below = [100 * (share.value - share.interval[0]) for share in shares]
        above = [100 * (share.interval[1] - share.value) for share in shares]
        colour = _COLOURS[condition]
        panel.errorbar(
            range(len(values)), values, (below, above), marker="o", ms=4, capsize=2, color=colour
        )
        is_upper = ends[condition] == max(ends.values())
        panel.annotate(
            f"{condition.value} {values[-1]:.1f} %",
            (len(values) - 1, values[-1]),
            xytext=(6, 7 if is_upper else -13),
            textcoords="offset points",
            color=colour,
        )
    panel.set_title(story.name, loc="left")
    panel.set_xticks(range(len(story.moments)), [_short(each) for each in story.moments])
    panel.set_xlim(-0.3, len(story.moments) + _ROOM_FOR_LABELS)
    panel.yaxis.set_major_formatter("{x:.0f} %")
    panel.grid(axis="y", color=_RULE)


def _draw_matrix(panel: Axes, matrix: NDArray[np.int64]) -> None:
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        colour = "white" if shares[row, column] > _DARK else _INK
        panel.text(column, row, str(count), ha="center", va="center", color=colour)
    panel.set_xticks(range(len(CLASS_NAMES)), CLASS_NAMES)
    panel.set_yticks(range(len(CLASS_NAMES)), CLASS_NAMES, rotation=90, va="center")


def _short(moment: str) -> str:
    return moment.removeprefix("after ").removesuffix(" model")


def _save(figure: Figure, target: Path) -> None:
    with replaced_atomically(target) as temporary:
        figure.savefig(temporary, dpi=_DOTS_PER_INCH)
