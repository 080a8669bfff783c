"""Before the job starts: pictures are rendered, and the initial model learns the day."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from backend.classifier import TinyMSClassifier
from backend.images.preprocessing import LabelledImages
from demo.dataset import append_samples
from demo.pictures import Light
from demo.scenario import Labelled, Scenario, Source
from demo.setting import Setting
from workers.learning.estimators import ESTIMATORS

__all__ = ["HeldOut", "fill_dataset", "render_held_out", "train_on_day"]


@dataclass(frozen=True)
class HeldOut:
    """The pictures in each light that no model is trained on, and how they are classified."""

    pictures: Mapping[Light, Labelled]
    class_names: Sequence[str]
    input_size: int

    def accuracy(self, model: Path) -> dict[Light, float]:
        """Return the share (0 to 1) of the pictures in each light that ``model`` gets right."""
        estimator = TinyMSClassifier(self.class_names, self.input_size)
        estimator.load(model)
        return {
            light: estimator.evaluate(_images(pictures, self.class_names))["accuracy"][0]
            for light, pictures in self.pictures.items()
        }


def fill_dataset(setting: Setting, scenario: Scenario) -> None:
    """Put the first day pictures into the job's dataset."""
    pictures = scenario.render(setting.pictures, Source.DATASET, Light.DAY, scenario.dataset)
    append_samples(setting.index, pictures)


def render_held_out(setting: Setting, scenario: Scenario) -> HeldOut:
    """Render the pictures in each light that no model is trained on."""
    pictures = {
        light: scenario.render(setting.pictures, Source.HELD_OUT, light, scenario.held_out, part)
        for part, light in enumerate(Light)
    }
    return HeldOut(pictures, setting.class_names, setting.input_size)


def train_on_day(setting: Setting, scenario: Scenario) -> None:
    """Train the initial model from scratch, and deploy it.

    In a process of its own, so that MindSpore's memory is free again when the job runs.
    """
    pictures = scenario.render(
        setting.pictures, Source.INITIAL_TRAINING, Light.DAY, scenario.initial_training
    )
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        process.submit(_train, setting, pictures, scenario.initial_epochs).result()


def _train(setting: Setting, pictures: Labelled, epochs: int) -> None:
    logging.basicConfig(level=logging.INFO, format="  %(message)s")
    estimator = ESTIMATORS[setting.backend_type](setting.class_names, setting.input_size)
    estimator.train(_images(pictures, setting.class_names), epochs=epochs)
    for target in (setting.initial_model, setting.deployed_model):
        target.parent.mkdir(parents=True, exist_ok=True)
        estimator.save(target)


def _images(pictures: Labelled, class_names: Sequence[str]) -> LabelledImages:
    numbers = [class_names.index(label) for _, label in pictures]
    return LabelledImages([path for path, _ in pictures], numbers)
