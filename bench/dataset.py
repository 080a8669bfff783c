"""The samples that a subject or a peer is given, by an index file or a folder for each class."""

from pathlib import Path

__all__ = ["CLASS_NAMES", "INPUT_SIZE", "in_class_folders", "in_index"]

CLASS_NAMES = ("croissant", "dog")
INPUT_SIZE = 224
"""Pixels."""

Labelled = tuple[list[Path], list[int]]
"""Image files and their class numbers."""


def in_index(index: str) -> Labelled:
    """Return the samples of an index file."""
    pairs = [line.split() for line in Path(index).read_text("utf-8").splitlines()]
    paths = [Path(index).parent / path for path, _ in pairs]
    return paths, [CLASS_NAMES.index(label) for _, label in pairs]


def in_class_folders(folder: str) -> Labelled:
    """Return the images in the subfolders of ``folder`` that are named after the classes."""
    samples = [
        (path, number)
        for number, name in enumerate(CLASS_NAMES)
        for path in sorted(Path(folder, name).iterdir())
    ]
    return [path for path, _ in samples], [number for _, number in samples]
