"""Pictures of one colour and noise: a network tells them apart after seconds of training."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ["SHADES", "draw_colours"]

SHADES = {"dark": 60, "bright": 190}


def draw_colours(
    folder: Path,
    colours: Mapping[str, int | tuple[int, int, int]],
    count: int,
    *,
    prefix: str = "",
) -> list[tuple[Path, str]]:
    """Draw ``count`` pictures into a new folder, alternating classes; return them with labels."""
    generator, labels = np.random.default_rng(3), list(colours)
    folder.mkdir()
    pictures = []
    for number in range(count):
        label = labels[number % len(labels)]
        pixels = generator.normal(colours[label], 20, (40, 40, 3)).clip(0, 255)
        path = folder / f"{prefix}{number}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        pictures.append((path, label))
    return pictures
