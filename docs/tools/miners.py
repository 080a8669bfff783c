"""The page of hard example miners."""

from collections.abc import Callable
from inspect import getdoc, signature

from docs.tools.markdown import code, page, prose, table
from workers import miners

__all__ = ["miners_page"]


def miners_page() -> str:
    """Return the page."""
    introduction, references = prose(getdoc(miners)).split("\n\n", 1)[1].split("\n\n", 1)
    rows = [
        (code(name), _parameters(miner), prose(getdoc(miner)))
        for name, miner in miners.MINERS.items()
    ]
    return page(
        "Hard example miners",
        "`p` is the vector of an image's class probabilities, `H` its entropy, `C` the number of "
        f"classes.\n\n{introduction}",
        table(["name", "parameters and defaults", "meaning"], rows),
        references,
    )


def _parameters(miner: Callable[..., bool]) -> str:
    parameters = list(signature(miner).parameters.values())[1:]
    return ", ".join(code(f"{each.name}={each.default}") for each in parameters) or "none"
