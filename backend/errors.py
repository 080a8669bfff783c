"""The errors that this project raises on purpose.

    ProjectError
    ├── PermanentError            retrying cannot help
    │   ├── SettingsError         a variable, parameter or manifest is wrong      exit status 2
    │   ├── DatasetError          an index, a sample's line or a label is wrong   exit status 3
    │   ├── ImageError            a file cannot be read as an image              exit status 4
    │   ├── ModelFileError        a model file is damaged or of another network   exit status 5
    │   └── MissingPackageError   an optional package is not installed            exit status 6
    └── TemporaryError            the same call may succeed later                 exit status 75
        └── WriteError            a full or read-only disk; also an OSError

A worker's process ends with its error's exit status. Each message is one sentence that says
what is wrong, where, and what to do.
"""

from typing import ClassVar

__all__ = [
    "DatasetError",
    "ImageError",
    "MissingPackageError",
    "ModelFileError",
    "PermanentError",
    "ProjectError",
    "SettingsError",
    "TemporaryError",
    "WriteError",
]


class ProjectError(Exception):
    """Whatever this project raises on purpose."""

    exit_status: ClassVar[int] = 1


class PermanentError(ProjectError):
    """Retrying cannot help: something has to be changed."""


class SettingsError(PermanentError):
    """An environment variable, a parameter or a manifest is missing or wrong."""

    exit_status = 2


class DatasetError(PermanentError):
    """An index file, a line of it or a label is wrong."""

    exit_status = 3


class ImageError(PermanentError):
    """A file cannot be read as an image."""

    exit_status = 4


class ModelFileError(PermanentError):
    """A model file is damaged, incomplete, or of another network."""

    exit_status = 5


class MissingPackageError(PermanentError):
    """A package that this call needs is not installed here."""

    exit_status = 6


class TemporaryError(ProjectError):
    """The same call may succeed later; a restarted worker tries again."""

    exit_status = 75


class WriteError(TemporaryError, OSError):
    """A file cannot be written: the disk is full or read-only, or the folder is another's."""
