"""Results as tables in the page."""

from collections.abc import Container, Iterable
from functools import partial
from pathlib import Path

from backend.files import write_atomically
from bench.results import Bar, Figure, Outcome, Results
from docs.tools.markdown import fill, table

__all__ = ["render"]

_HEADS = ("what", "who", "median", "lowest to highest", "bar", "met")
_WHOLE = 100


def render(
    results: Results, comparisons: Iterable[str], drawn: Container[str], page: Path, target: Path
) -> None:
    """Write ``page`` with its blocks filled to ``target``.

    There is a block for the machine, and one for each of the ``comparisons``. Of those in
    ``drawn`` there is a picture in the page's folder of results.
    """
    outcomes = {outcome.name: outcome for outcome in results.outcomes}
    blocks = {
        name: partial(_section, name, outcomes.get(name), name in drawn) for name in comparisons
    }
    filled = fill(
        page.read_text(encoding="utf-8"),
        {"machine": partial(table, ("", ""), results.machine.items()), **blocks},
    )
    write_atomically(target, filled.encode())


def _section(name: str, outcome: Outcome | None, is_drawn: bool) -> str:
    if outcome is None:
        return f"Not measured yet: `make bench ONLY={name}`."
    parts = [f"Not measured: {outcome.problem}"] if outcome.problem else []
    if outcome.figures and is_drawn:
        parts.append(f"![The medians of the table, with their ranges](benchmarks/{name}.svg)")
    if outcome.figures:
        parts += [table(_HEADS, (_row(each) for each in outcome.figures))]
    repeats = max((len(each.values) for each in outcome.figures), default=0)
    parts.append(
        f"`ONLY={outcome.name}`, {repeats} repetitions, {outcome.seconds:.0f} s,"
        f" {outcome.measured:%Y-%m-%d %H:%M} UTC."
    )
    return "\n\n".join(parts)


def _row(figure: Figure) -> tuple[str, ...]:
    spread = f"{_number(min(figure.values))} to {_number(max(figure.values))}"
    met = {True: "yes", False: "no", None: ""}[figure.is_met]
    median = f"{_number(figure.median)} {figure.unit}"
    return (figure.name, figure.side, median, spread, _bar(figure.bar), met)


def _bar(bar: Bar | None) -> str:
    if bar is None:
        return ""
    return f"{'at least' if bar.is_lowest else 'at most'} {_number(bar.limit)}"


def _number(value: float) -> str:
    """Return three significant digits, and all digits before the point."""
    return f"{value:.0f}" if abs(value) >= _WHOLE else f"{value:.3g}"
