"""The samples that are measured with: the same ones in every run, and on every side."""

from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ["CLASS_NAMES", "INPUT_SIZE", "Labelled", "in_class_folders", "in_index", "make_pictures"]

CLASS_NAMES = ("croissant", "dog")
INPUT_SIZE = 224
"""Pixels."""

Labelled = tuple[list[Path], list[int]]
"""Image files and their class numbers."""

_COARSE = 16
_GRAIN = 12


def in_index(index: str) -> Labelled:
    """Return the samples of an index file."""
    pairs = [line.split() for line in Path(index).read_text("utf-8").splitlines()]
    paths = [Path(index).parent / path for path, _ in pairs]
    return paths, [CLASS_NAMES.index(label) for _, label in pairs]


def in_class_folders(folder: str) -> Labelled:
    """Return the images in the subfolders of ``folder`` that are named after the classes."""
    paths = [path for name in CLASS_NAMES for path in sorted(Path(folder, name).iterdir())]
    return paths, [CLASS_NAMES.index(path.parent.name) for path in paths]


def make_pictures(folder: Path, count: int, side: int) -> Path:
    """Write ``count`` JPEG pictures of ``side`` pixels, quality 90; return their index file.

    Colours that change softly, and grain, so that a picture takes about as long to decode as a
    photograph of its size. Class by class the colours differ.
    """
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    lines = []
    for number in range(count):
        label = number % len(CLASS_NAMES)
        _picture(generator, label, side).save(folder / f"{number:05d}.jpg", quality=90)
        lines.append(f"{folder.name}/{number:05d}.jpg {CLASS_NAMES[label]}\n")
    index = folder.with_suffix(".txt")
    index.write_text("".join(lines))
    return index


def _picture(generator: np.random.Generator, label: int, side: int) -> Image.Image:
    coarse = generator.integers(0, 256, (_COARSE, _COARSE, 3), dtype=np.uint8)
    coarse[..., label] //= 2
    soft = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
    grainy = np.asarray(soft) + generator.normal(0, _GRAIN, (side, side, 3))
    return Image.fromarray(grainy.clip(0, 255).astype(np.uint8))
