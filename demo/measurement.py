"""How good the deployed model is on pictures that no model was trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.classifier import TinyMSClassifier
from backend.images.preprocessing import LabelledImages
from demo.pictures import Condition

__all__ = ["HeldOut"]

Labelled = Sequence[tuple[Path, str]]


@dataclass(frozen=True)
class HeldOut:
    """The held-out pictures of each condition, and how they are classified."""

    pictures: Mapping[Condition, Labelled]
    class_names: tuple[str, ...]
    input_size: int

    def accuracy(self, model: Path) -> dict[Condition, float]:
        """Return the share (0 to 1) of each condition's pictures that ``model`` gets right."""
        estimator = TinyMSClassifier(self.class_names, self.input_size)
        estimator.load(model)
        return {
            condition: estimator.evaluate(self._images(condition))["accuracy"][0]
            for condition in self.pictures
        }

    def _images(self, condition: Condition) -> LabelledImages:
        pictures = self.pictures[condition]
        return LabelledImages(
            x=[path for path, _ in pictures],
            y=[self.class_names.index(label) for _, label in pictures],
        )
