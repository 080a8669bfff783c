"""The page of `iljob`, as its own ``--help`` says it."""

import argparse
from functools import partial

from docs.tools.markdown import code_block, page
from jobs.cli import make_parser

__all__ = ["iljob_page"]

_COLUMNS = 90

_INTRODUCTION = """\
One command over two runners: `--on standalone` (this machine) and `--on kubernetes` (a cluster
with Sedna). Its exit statuses are on [a page of their own](exit-status.md)."""


def iljob_page() -> str:
    """Return the page."""
    parser = make_parser()
    sections = [f"## iljob {name}\n\n{_help(each)}" for name, each in _commands(parser).items()]
    return page("iljob", _INTRODUCTION, _help(parser), *sections)


def _help(parser: argparse.ArgumentParser) -> str:
    parser.formatter_class = partial(argparse.HelpFormatter, width=_COLUMNS)
    return code_block(parser.format_help())


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    actions = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    return dict(next(actions).choices)
