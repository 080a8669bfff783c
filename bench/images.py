"""Pictures to train on and to decode: the same ones in every run, and on every side."""

from pathlib import Path

import numpy as np
from PIL import Image

from bench.dataset import CLASS_NAMES

__all__ = ["make_pictures"]

_COARSE = 16
_GRAIN = 12


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
