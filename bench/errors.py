"""What ends one comparison and not the others."""

from backend.errors import ProjectError

__all__ = ["LeftOutError", "SubjectError"]


class LeftOutError(ProjectError):
    """What a comparison needs is not here."""


class SubjectError(ProjectError):
    """A process that was measured failed."""
