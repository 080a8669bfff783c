"""Before the job starts: pictures are rendered, and the initial model learns the day."""

from demo.dataset import append_samples
from demo.initial_model import train_initial_model
from demo.measurement import HeldOut
from demo.pictures import Light
from demo.scenario import Scenario, Source
from demo.setting import Setting

__all__ = ["fill_dataset", "render_held_out", "train_on_day"]


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
    """Train the initial model, and deploy it."""
    pictures = scenario.render(
        setting.pictures, Source.INITIAL_TRAINING, Light.DAY, scenario.initial_training
    )
    index = setting.pictures / "initial-training" / "index.txt"
    append_samples(index, pictures)
    train_initial_model(setting, index, scenario.initial_epochs)
