"""The demo's numbers: how many pictures of what."""

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from demo.pictures import Light, render_folder

__all__ = ["Labelled", "Scenario", "Source"]

Labelled = list[tuple[Path, str]]
"""Pictures with their class names."""


class Source(IntEnum):
    """Independent sets of pictures; each has seeds of its own."""

    INITIAL_TRAINING = 0
    DATASET = 1
    HELD_OUT = 2
    STREAM = 3


@dataclass(frozen=True)
class Scenario:
    """None of these was chosen by looking at the held-out pictures."""

    seed: int = 0
    rounds: int = 2
    initial_training: int = 320
    """Day pictures that the initial model is trained on."""
    initial_epochs: int = 8
    dataset: int = 120
    """Day pictures, new ones, that are in the dataset when the job starts."""
    held_out: int = 200
    """Pictures in each light that only the final table is measured on."""
    labels_per_round: int = 240
    """Hard examples that get a label before each round."""
    by_hand: bool = False
    """Whether a person labels them in the browser; else what was rendered is their label."""
    stream_step: int = 100
    """Night pictures that come to the edge node at a time."""
    stream_limit: int = 3000
    """Night pictures after which the demo gives up waiting for hard examples."""

    def render(
        self, folder: Path, source: Source, light: Light, count: int, part: int = 0
    ) -> Labelled:
        """Render ``count`` pictures into ``folder/<source>-<part>``."""
        seed = self.seed * 1_000_000 + source * 100_000 + part
        return render_folder(folder / f"{source.name.lower()}-{part}", light, count, seed)
