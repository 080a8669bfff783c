"""How to measure, and what the comparisons share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.dataset import INPUT_SIZE
from bench.errors import LeftOutError
from bench.images import make_pictures
from bench.measure import Values, in_turn, subject
from bench.results import Figure

__all__ = ["Comparison", "Measured", "Setting"]

Measured = Mapping[str, Mapping[str, tuple[float, ...]]]
"""Side, quantity, and the value of each repetition."""


_SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@dataclass(frozen=True)
class Setting:
    """How often to measure, and where."""

    folder: Path
    """For temporary files."""
    repeats: int
    """How often each side is measured, at least 1."""
    is_quick: bool
    """Whether to do as little as shows that everything runs."""
    say: Callable[[str], None]
    """Takes a line of progress."""

    def in_turn(self, sides: Mapping[str, Callable[[], Values]]) -> Measured:
        """Measure the sides in turn; see `bench.measure.in_turn`."""
        return in_turn(sides, self.repeats, self.say)

    def pictures(self, count: int, side: int = INPUT_SIZE) -> Path:
        """Return the index of so many pictures of ``side`` pixels, made at first need."""
        folder = self.folder / f"pictures-{count}-{side}"
        index = folder.with_suffix(".txt")
        return index if index.exists() else make_pictures(folder, count, side)

    @property
    def photographs(self) -> Mapping[str, Path]:
        """Published ``weights``, and ``photos`` in folders ``train`` and ``eval``.

        Raises LeftOutError where they are not at hand.
        """
        if not _SHARED_DATA.is_dir():
            raise LeftOutError(
                f"it needs published weights and photographs: no {_SHARED_DATA.name}."
            )
        return {
            "weights": _SHARED_DATA / "mobilenetv2_imagenet_f16.npz",
            "photos": _SHARED_DATA / "photos",
        }

    @cached_property
    def model(self) -> Path:
        """An untrained model, ``.onnx``; its ``.ckpt`` is beside it."""
        subject("make_model", folder=self.folder, input_size=INPUT_SIZE)
        return self.folder / "model.onnx"


@dataclass(frozen=True)
class Comparison:
    """A question, and how it is answered."""

    name: str
    """Of ``make bench ONLY=``."""
    title: str
    how: str
    """What was set, for the reader of the figures."""
    measure: Callable[[Setting], list[Figure]]
    """Raises ProjectError if it cannot be answered here."""
