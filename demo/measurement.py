"""How good the deployed model is on pictures that no model was trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.classifier import TinyMSClassifier
from backend.images.preprocessing import LabelledImages
from demo.pictures import Light

__all__ = ["HeldOut"]

Labelled = Sequence[tuple[Path, str]]


@dataclass(frozen=True)
class HeldOut:
    """The held-out pictures in each light, and how they are classified."""

    pictures: Mapping[Light, Labelled]
    class_names: tuple[str, ...]
    input_size: int

    def accuracy(self, model: Path) -> dict[Light, float]:
        """Return the share (0 to 1) of the pictures in each light that ``model`` gets right."""
        estimator = TinyMSClassifier(self.class_names, self.input_size)
        estimator.load(model)
        return {
            light: estimator.evaluate(self._images(light))["accuracy"][0] for light in self.pictures
        }

    def _images(self, light: Light) -> LabelledImages:
        pictures = self.pictures[light]
        return LabelledImages(
            x=[path for path, _ in pictures],
            y=[self.class_names.index(label) for _, label in pictures],
        )
