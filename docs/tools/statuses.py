"""The page of exit statuses."""

from collections.abc import Iterator

from backend.errors import ProjectError
from docs.tools.markdown import code, page, prose, table
from jobs import cli
from workers.worker import EXIT_SIGNAL, EXIT_UNEXPECTED

__all__ = ["exit_status_page"]

_WORKERS = """\
## Workers, `backend.convert`, `demo`

An error is one sentence on standard error that says what is wrong, where, and what to do. The
status tells whether another try can help: under 75 somebody has to change something."""


def exit_status_page() -> str:
    """Return the page."""
    return page("Exit statuses", _WORKERS, _table(), f"## `iljob`\n\n{_of_iljob()}")


def _table() -> str:
    rows = sorted(
        [
            (0, "", "The work is done."),
            *((each.exit_status, code(each.__name__), prose(each.__doc__)) for each in _errors()),
            (EXIT_UNEXPECTED, "", "An error that no part of this project raises on purpose."),
            (EXIT_SIGNAL, "", "Plus a signal's number: told to end before the work was done."),
        ]
    )
    return table(["status", "error", "meaning"], [(str(row[0]), *row[1:]) for row in rows])


def _errors(parent: type[ProjectError] = ProjectError) -> Iterator[type[ProjectError]]:
    """Yield the errors of `backend.errors` that have a status of their own."""
    for error in parent.__subclasses__():
        if error.__module__ == ProjectError.__module__:
            if "exit_status" in vars(error):
                yield error
            yield from _errors(error)


def _of_iljob() -> str:
    return prose(cli.__doc__).strip().split("\n\n", 1)[1]
