"""The report's tables, from the records of its runs."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib.metadata import version

from demo.pictures import Light
from demo.usecase.record import Record
from demo.usecase.shares import gain_words, share_words
from docs.tools.markdown import Blocks, code, table
from jobs.status import Round, Stage
from workers.judgement import Share

__all__ = ["blocks"]

_PACKAGES = ("mindspore", "tinyms", "onnxruntime", "numpy")

_SERVING = ["serving", *Light]
_ROUNDS = ["round", "new samples", "evaluated on", "serving → new model", "outcome"]
_SECONDS = [f"{stage.lower()}, s" for stage in Stage]
_FORGETTING = ["pictures", "learned by", "then", "at the end", "change"]
_CLASSES = ["pictures", "serving", "class", "recall"]
_HARD_EXAMPLES = ["found by", "labelled", "of them wrong", "wrong on held-out night pictures"]

_Row = Sequence[str]


def blocks(stories: Sequence[Record], photographs: Sequence[Record]) -> Blocks:
    """Return what writes each block of the page; the first of ``stories`` is the main run."""
    main = stories[0]
    return {
        "measured": partial(_measured, main),
        "summary": partial(_summary, main),
        "rounds": partial(_table, [*_ROUNDS, *_SECONDS], stories, _rounds),
        "accuracy": partial(_table, _SERVING, stories, _accuracies),
        "forgetting": partial(_table, _FORGETTING, stories, _forgetting),
        "classes": partial(_table, _CLASSES, [main], _classes),
        "hard examples": partial(_table, _HARD_EXAMPLES, stories, _hard_examples),
        "photographs": partial(_table, [*_ROUNDS, *_SECONDS], photographs, _rounds),
    }


def _table(
    heads: Sequence[str], runs: Iterable[Record], rows: Callable[[Record], Iterator[_Row]]
) -> str:
    """Return one table of all runs, with a first column that names each run once."""
    named = ((run.name if n == 0 else "", *row) for run in runs for n, row in enumerate(rows(run)))
    return table(["run", *heads], named)


def _measured(main: Record) -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    cores = len(os.sched_getaffinity(0))
    return f"Measured on {main.status.started:%d %B %Y} with {cores} cores and {packages}."


def _summary(main: Record) -> str:
    first, *_, last = _accuracies(main)
    start, end = main.moments[0], main.moments[-1]
    gains = (main.judged[light, start][end].against_first for light in Light)
    rows = table(["held-out pictures", *Light], [first, last, ["change", *map(gain_words, gains)]])
    return f"{rows}\n\nBetween the two lie {len(main.labelled)} labelled night pictures."


def _accuracies(run: Record) -> Iterator[_Row]:
    for moment in run.moments:
        yield [moment, *(share_words(run.accuracy(moment, each)) for each in Light)]


def _rounds(run: Record) -> Iterator[_Row]:
    for each in run.status.rounds:
        yield (
            str(each.number),
            str(each.train_samples),
            str(each.eval_samples),
            " → ".join(map(share_words, _evaluated(each))),
            f"{each.outcome.value}: {code(each.reason)}",
            *(f"{each.seconds.get(stage, 0):.1f}" for stage in Stage),
        )


def _evaluated(each: Round) -> list[Share]:
    """Return the serving and the new model's accuracy; none of a round that failed earlier."""
    both = (each.deployed_metrics, each.candidate_metrics)
    evaluated = ((part["accuracy"][0], part["samples"][0]) for part in both if "samples" in part)
    return [Share(right=round(share * whole), samples=round(whole)) for share, whole in evaluated]


def _forgetting(run: Record) -> Iterator[_Row]:
    # The initial model learned the day, the first one deployed the night.
    for light, first in zip(Light, run.updates, strict=False):
        judged = run.judged[light, first]
        last = judged[run.moments[-1]]
        then, now = (share_words(each.total) for each in (judged[first], last))
        yield light, first, then, now, gain_words(last.against_first)


def _classes(run: Record) -> Iterator[_Row]:
    for light in Light:
        for moment in (run.moments[0], run.moments[-1]):
            judgement = run.judged[light, run.moments[0]][moment]
            for name, recall in judgement.classes.items():
                yield light, moment, name, share_words(recall)


def _hard_examples(run: Record) -> Iterator[_Row]:
    for moment, found in run.found_by.items():
        if found:
            wrong = sum(each.label != each.true_label for each in found)
            accuracy = run.accuracy(moment, Light.NIGHT)
            missed = accuracy.samples - accuracy.right
            shares = (
                Share(right=wrong, samples=len(found)),
                Share(right=missed, samples=accuracy.samples),
            )
            yield moment, str(len(found)), *map(share_words, shares)
