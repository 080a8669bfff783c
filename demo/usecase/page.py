"""The report as a page: figures from the results, words from the template."""

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from backend.files import write_atomically
from demo.pictures import Condition
from demo.usecase.figures import Share, precision, recall
from demo.usecase.plots import draw_accuracy, draw_confusion, draw_examples
from demo.usecase.results import Framework, PhotographRun, Results
from demo.usecase.told import FRAMEWORKS, alike
from jobs.status import Stage

__all__ = ["write_page"]

_PAGE = "use-case-report.md"
_PICTURES = "use-case"
_DIGITS = 12
_SURE_CHANCE = 0.001


def write_page(results: Results, docs: Path) -> Path:
    """Write the page, and its plots beside results.json, into the folder ``docs``."""
    stories = alike(results.stories, len(results.class_names))
    pictures = docs / _PICTURES
    draw_examples(pictures / "examples.jpg")
    draw_accuracy(stories, pictures / "accuracy.png")
    draw_confusion(stories[0], pictures / "confusion.png")
    page = (
        _environment()
        .get_template("report.md.j2")
        .render(
            results=results,
            stories=stories,
            main=stories[0],
            seeds=len({run.seed for run in results.stories}),
            conditions=[condition.value for condition in Condition],
            frameworks=FRAMEWORKS,
            stages=list(Stage),
            both_ran={run.backend for run in results.stories} == {*FRAMEWORKS},
            is_same={run.backend for run in stories[0].runs} == {*FRAMEWORKS},
            precision=precision,
            recall=recall,
        )
    )
    target = docs / _PAGE
    write_atomically(target, page.encode())
    return target


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("demo.usecase"),
        autoescape=False,  # noqa: S701 - Markdown of this project's own figures
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        share=_share,
        part=lambda counts: _share(Share(*counts)),
        percent=_percent,
        points=_points,
        chance=_chance,
        short=_short,
        lines=_lines,
        photograph_accuracy=_photograph_accuracy,
    )
    return environment


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _share(share: Share) -> str:
    low, high = share.interval
    return f"{_percent(share.value)} ({100 * low:.0f} to {100 * high:.0f})"


def _points(value: float) -> str:
    return f"{round(100 * value, 1) + 0.0:+.1f}"  # never -0.0


def _chance(probability: float) -> str:
    if probability < _SURE_CHANCE:
        return f"p < {_SURE_CHANCE}"
    return f"p = {probability:.2g}"


def _short(digest: str) -> str:
    return f"`{digest[:_DIGITS]}`"


def _lines(framework: Framework) -> str:
    files = [f"{count} in `{name}`" for name, count in framework.code_lines.items()]
    return f"{sum(framework.code_lines.values())}: {' and '.join(files)}"


def _photograph_accuracy(run: PhotographRun, which: str) -> Share:
    metrics = run.round.candidate if which == "after" else run.round.deployed
    whole = round(metrics["samples"][0])
    return Share(round(metrics["accuracy"][0] * whole), whole)
