"""Before the job starts: pictures are rendered, and the initial model learns the day."""

import logging
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from backend.files import write_atomically
from backend.images.preprocessing import LabelledImages
from demo.dataset import append_samples
from demo.pictures import Light
from demo.scenario import Labelled, Scenario, Source
from demo.setting import Setting
from workers.learning.estimators import ESTIMATORS

__all__ = ["fill_dataset", "render_held_out", "train_on_day"]


def fill_dataset(setting: Setting, scenario: Scenario) -> None:
    """Put the first day pictures into the job's dataset."""
    pictures = scenario.render(setting.pictures, Source.DATASET, Light.DAY, scenario.dataset)
    append_samples(setting.index, pictures)


def render_held_out(setting: Setting, scenario: Scenario) -> dict[Light, Path]:
    """Render the pictures in each light that no model is trained on; return their indexes."""
    indexes = {}
    for part, light in enumerate(Light):
        pictures = scenario.render(
            setting.pictures, Source.HELD_OUT, light, scenario.held_out, part
        )
        indexes[light] = setting.pictures / f"held-out-{light}.txt"
        lines = [f"{path.relative_to(setting.pictures)} {label}\n" for path, label in pictures]
        write_atomically(indexes[light], "".join(lines).encode())
    return indexes


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
    numbers = [setting.class_names.index(label) for _, label in pictures]
    estimator.train(LabelledImages([path for path, _ in pictures], numbers), epochs=epochs)
    for target in (setting.initial_model, setting.deployed_model):
        target.parent.mkdir(parents=True, exist_ok=True)
        estimator.save(target)
