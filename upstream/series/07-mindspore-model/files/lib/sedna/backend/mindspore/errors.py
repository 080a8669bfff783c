"""The errors that the MindSpore backends raise."""


class MissingPackageError(ImportError):
    """A package that this call needs is not installed here."""


class ModelFileError(ValueError):
    """A model file is damaged, incomplete, or holds another network."""


class WriteError(OSError):
    """A file cannot be written: no room, or no permission."""
