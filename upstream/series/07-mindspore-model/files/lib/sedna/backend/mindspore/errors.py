"""The errors that the MindSpore backends raise."""


class MissingPackageError(ImportError):
    """A package that this call needs is not installed here."""


class ModelFileError(ValueError):
    """A model file is damaged, incomplete, or holds another network."""
