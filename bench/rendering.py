"""Results as a page, a CSV file and a plot of each comparison."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from backend.files import replaced_atomically, write_atomically
from bench.results import Bar, Figure, Outcome, Results
from bench.setting import Comparison
from docs.tools.markdown import table

__all__ = ["render"]

_HEADS = ("what", "who", "median", "lowest to highest", "bar", "met")
_CSV_HEADS = ("comparison", "what", "who", "unit", "median", "values", "bar", "met")
_WHOLE = 100
_INTRODUCTION = """
What `make bench` measured. Each side of a comparison is a process of its own, the sides are
measured in turn (A B A B …), and a ratio is the median of the ratios of each turn. A bar is what
the project holds itself to; nothing fails where it is not met.

`make bench ONLY=head-round` measures one comparison again and leaves the others as they are;
`REPEATS=5` measures each side five times. [The figures as CSV](benchmarks/figures.csv),
[and as JSON](benchmarks/results.json).
"""


def render(results: Results, comparisons: Sequence[Comparison], page: Path) -> None:
    """Write ``page``, and beside it a folder of its name with the CSV file and the plots."""
    folder = page.with_suffix("")
    outcomes = {outcome.name: outcome for outcome in results.outcomes}
    known = [outcomes[each.name] for each in comparisons if each.name in outcomes]
    write_atomically(folder / "figures.csv", _csv(known))
    for outcome in known:
        if outcome.figures:
            _plot(outcome, folder / f"{outcome.name}.svg")
    sections = [_section(each, outcomes.get(each.name)) for each in comparisons]
    write_atomically(page, _page(results, sections).encode())


def _page(results: Results, sections: Sequence[str]) -> str:
    parts = [
        "<!-- Written by `make bench`: do not edit. -->",
        "# Benchmarks",
        _INTRODUCTION.strip(),
        _machine(results),
        *sections,
    ]
    return "\n\n".join(parts) + "\n"


def _machine(results: Results) -> str:
    machine = results.machine
    rows = [
        ("CPU", f"{machine.cpu}; {', '.join(machine.flags)}"),
        ("cores", str(machine.cores)),
        ("memory", f"{machine.memory_gib} GiB"),
        ("system", f"{machine.system}, Python {machine.python}"),
        ("this project's", _versions(machine.versions)),
        ("peers'", _versions(machine.peers) or "not installed"),
    ]
    return "## Machine and versions\n\n" + table(("", ""), rows)


def _section(comparison: Comparison, outcome: Outcome | None) -> str:
    parts = [f"## {comparison.title}", comparison.how]
    if outcome is None:
        return "\n\n".join([*parts, f"Not measured yet: `make bench ONLY={comparison.name}`."])
    if outcome.problem:
        parts.append(f"Not measured: {outcome.problem}")
    if outcome.figures:
        parts += [
            table(_HEADS, (_row(each) for each in outcome.figures)),
            f"![{comparison.title}](benchmarks/{outcome.name}.svg)",
        ]
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


def _csv(outcomes: Iterable[Outcome]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_CSV_HEADS)
    for outcome in outcomes:
        for each in outcome.figures:
            values = " ".join(f"{value:.6g}" for value in each.values)
            bar, met = _bar(each.bar), "" if each.is_met is None else each.is_met
            what = (outcome.name, each.name, each.side, each.unit)
            writer.writerow((*what, f"{each.median:.6g}", values, bar, met))
    return text.getvalue().encode()


def _plot(outcome: Outcome, file: Path) -> None:
    """Draw a panel for each quantity: a bar at the median, a dot for each repetition."""
    # Only here: the process that measures others should hold little memory itself.
    from matplotlib import rc_context  # noqa: PLC0415 - see above
    from matplotlib.figure import Figure as Canvas  # noqa: PLC0415 - see above

    quantities = list(dict.fromkeys((each.name, each.unit) for each in outcome.figures))
    rows = [[f for f in outcome.figures if (f.name, f.unit) == each] for each in quantities]
    height = sum(len(row) for row in rows) * 0.35 + len(rows) * 0.9
    canvas = Canvas(figsize=(7.5, height), layout="constrained")
    panels = canvas.subplots(len(rows), 1, squeeze=False, height_ratios=[len(r) + 1 for r in rows])
    for (name, unit), figures, panel in zip(quantities, rows, panels[:, 0], strict=True):
        sides = [each.side for each in figures]
        panel.barh(sides, [each.median for each in figures], height=0.6, color="#8fb3d9")
        for each in figures:
            panel.plot(each.values, [each.side] * len(each.values), ".", color="#1f3b5c")
            if each.bar:
                panel.axvline(each.bar.limit, color="#c0392b", linestyle="--")
        panel.set(title=name, xlabel=unit, xlim=(0, None))
        panel.invert_yaxis()
    # Without a salt the names in the file are new each time, and so is every unchanged plot.
    with rc_context({"svg.hashsalt": outcome.name}), replaced_atomically(file) as temporary:
        canvas.savefig(temporary, format="svg", metadata={"Date": None})


def _bar(bar: Bar | None) -> str:
    if bar is None:
        return ""
    return f"{'at least' if bar.is_lowest else 'at most'} {_number(bar.limit)}"


def _number(value: float) -> str:
    """Return three significant digits, and all digits before the point."""
    return f"{value:.0f}" if abs(value) >= _WHOLE else f"{value:.3g}"


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
