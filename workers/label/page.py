"""The labelling page's HTML."""

from collections.abc import Sequence
from html import escape

from workers.data.answers import HardExample
from workers.label.labelling import Counts
from workers.label.settings import LabelSettings

__all__ = ["keys_of", "render"]

_DIGITS = "123456789"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="light dark">
<title>{title}: label hard examples</title>
<link rel="icon" href="/static/icon.svg">
<link rel="stylesheet" href="/static/label.css">
<script src="/static/label.js" defer></script>
</head>
<body>
<header>
<h1>{title}</h1>
<p class="counts"><b id="waiting">{waiting}</b> to label
<span class="dot">·</span> <b id="pending">{pending}</b> can be undone
<span class="dot">·</span> <b id="saved">{saved}</b> added</p>
</header>
<main data-batch="{batch}">
<section id="stage" aria-label="The picture to label"{stage_hidden}>
<div class="picture"><img id="picture" alt="The picture to label"></div>
<div class="panel">
<p class="question">What does it show?</p>
<div class="classes">{buttons}</div>
<div class="actions">
<button type="button" id="none">None of these <kbd>0</kbd></button>
<button type="button" id="skip">Skip <kbd>space</kbd></button>
<button type="button" id="undo">Undo <kbd>⌫</kbd></button>
<button type="button" id="save">Add to the dataset <kbd>↵</kbd></button>
</div>
<p class="note">The last {batch} labels can be undone. They enter the dataset together.</p>
</div>
</section>
<section id="empty"{empty_hidden}>
<h2>Nothing to label</h2>
<p>Pictures that the model is unsure of appear here as they come in.</p>
</section>
<section class="all" aria-label="All that wait">
<h2>Most useful labels first</h2>
<ul id="grid">{cards}</ul>
<p><button type="button" id="more" hidden>Show more</button></p>
</section>
</main>
<footer>
<a href="/label-studio.json" download>Export for Label Studio</a>
<label class="link">Import its labels<input type="file" id="import" accept=".json" hidden></label>
</footer>
<p id="status" role="status" aria-live="polite"></p>
<noscript>Labelling needs JavaScript.</noscript>
</body>
</html>
"""

_CARD = """
<li><button type="button" class="card" data-name="{name}" data-picture="/pictures/{name}"
 data-shares="{shares}" aria-label="{label}, {percent} % sure"><img loading="lazy" alt=""
 src="/pictures/{name}"><span>{label} {percent} %</span></button></li>"""

_BUTTON = """
<button type="button" class="class" data-label="{label}" data-keys="{keys}"
><span class="bar"></span><span class="name">{label}</span><span class="share"></span
><kbd>{shown}</kbd></button>"""


def render(settings: LabelSettings, examples: Sequence[HardExample], counts: Counts) -> str:
    """Return the page with a card for each of ``examples``."""
    return _PAGE.format(
        title=escape(settings.job_name or "Hard examples"),
        batch=settings.label_batch,
        waiting=counts.waiting,
        pending=counts.pending,
        saved=counts.saved,
        buttons="".join(_buttons(settings.class_names)),
        cards="".join(_card(example, settings.class_names) for example in examples),
        stage_hidden="" if examples else " hidden",
        empty_hidden=" hidden" if examples else "",
    )


def keys_of(class_names: Sequence[str]) -> list[str]:
    """Return each class's keys: its digit, if it has one, and its first letter, if it is unique.

    A class without keys is chosen with the mouse.
    """
    initials = [name[0].lower() for name in class_names]
    digits = [*_DIGITS, *[""] * len(class_names)]
    return [
        digit + (initial if initials.count(initial) == 1 and not initial.isdigit() else "")
        for digit, initial in zip(digits, initials, strict=False)
    ]


def _buttons(class_names: Sequence[str]) -> list[str]:
    return [
        _BUTTON.format(label=escape(name), keys=escape(keys), shown=escape(" ".join(keys)))
        for name, keys in zip(class_names, keys_of(class_names), strict=True)
    ]


def _card(example: HardExample, class_names: Sequence[str]) -> str:
    shares = (example.probabilities.get(name, 0.0) for name in class_names)
    return _CARD.format(
        name=escape(example.image),
        label=escape(example.label),
        percent=round(100 * example.certainty),
        shares=" ".join(f"{share:.4f}" for share in shares),
    )
