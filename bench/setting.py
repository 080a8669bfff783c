"""How to measure, and what the comparisons share."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.answering import Values
from bench.dataset import INPUT_SIZE, make_pictures
from bench.measure import ROOT, LeftOutError, subject
from bench.results import Measured

__all__ = ["Setting"]

_SHARED_DATA = ROOT.parent / "shared" / "data"


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
        """Measure A B A B ..., a line of progress each."""
        measured = {side: defaultdict[str, tuple[float, ...]](tuple) for side in sides}
        for repetition in range(1, self.repeats + 1):
            for side, measure in sides.items():
                values = measure()
                shown = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
                self.say(f"  {repetition}/{self.repeats} {side}: {shown}")
                for name, value in values.items():
                    measured[side][name] += (value,)
        return measured

    def pictures(self, count: int, side: int = INPUT_SIZE) -> Path:
        """Return the index of so many pictures of ``side`` pixels, made at first need."""
        folder = self.folder / f"pictures-{count}-{side}"
        index = folder.with_suffix(".txt")
        return index if index.exists() else make_pictures(folder, count, side)

    def model(self, side: int = INPUT_SIZE) -> Path:
        """Return an untrained model, ``.onnx``, created when first needed, with its ``.ckpt``."""
        folder = self.folder / f"model-{side}"
        if not folder.exists():
            folder.mkdir()
            subject("estimator.make_model", folder=folder, input_size=side)
        return folder / "model.onnx"

    @property
    def photographs(self) -> Mapping[str, Path]:
        """Published ``weights``, and ``photos`` in folders ``train`` and ``eval``.

        Raises LeftOutError where they are not at hand.
        """
        if not _SHARED_DATA.is_dir():
            raise LeftOutError("published weights and photographs are not here.")
        return {
            "weights": _SHARED_DATA / "mobilenetv2_imagenet_f16.npz",
            "photos": _SHARED_DATA / "photos",
        }

    @property
    def shift(self) -> Path:
        """Photographs and cartoons of the same classes.

        Raises LeftOutError where they are not at hand.
        """
        folder = _SHARED_DATA / "shift"
        if not folder.is_dir():
            raise LeftOutError(f"it needs photographs and cartoons: no {folder.name}.")
        return folder
