"""What a comparison of approaches looks like: the median of each quantity, and its range."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

from backend.files import replaced_atomically
from bench.results import Figure

__all__ = ["draw_figures"]

_SPREAD = 0.15
"""Between two sides, where one quantity takes 1."""

_WIDE = 50
"""From so many times the smallest value on, the axis is logarithmic."""


def draw_figures(figures: Sequence[Figure], unit: str, target: Path) -> None:
    """Draw the figures of one unit as an SVG: a dot for the median, a line from least to most."""
    shown = [each for each in figures if each.unit == unit]
    names = list(dict.fromkeys(each.name for each in shown))
    sides = list(dict.fromkeys(each.side for each in shown))
    canvas = Canvas(figsize=(7, 1 + 0.8 * len(names)), layout="constrained")
    axes = canvas.subplots()
    for number, side in enumerate(sides):
        own = [each for each in shown if each.side == side]
        offset = _SPREAD * (number - (len(sides) - 1) / 2)
        places = [names.index(each.name) + offset for each in own]
        ranges = [[each.median - min(each.values) for each in own]]
        ranges.append([max(each.values) - each.median for each in own])
        medians = [each.median for each in own]
        axes.errorbar(medians, places, xerr=ranges, fmt="o", capsize=3, label=side)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    values = [value for each in shown for value in each.values]
    if max(values) > _WIDE * min(values) > 0:
        axes.set_xscale("log")
    axes.set_xlabel(unit)
    axes.grid(axis="x", alpha=0.3)
    canvas.legend(loc="outside lower center", ncols=2, frameon=False)
    with mpl.rc_context({"svg.hashsalt": "0"}), replaced_atomically(target) as temporary:
        canvas.savefig(temporary, format="svg", metadata={"Date": None})
