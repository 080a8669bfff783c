"""A finished run: what ``iljob`` recorded, and what its models say of pictures held out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Self

import numpy as np

from backend.classifier import TinyMSClassifier
from backend.errors import SettingsError
from backend.models.model_file import read
from demo.pictures import Light
from demo.preparation import render_held_out
from demo.scenario import Scenario
from demo.setting import Setting
from demo.usecase.shares import Change, Classes, Share, accuracy, change
from jobs.resources.loader import load_job
from jobs.standalone.paths import Node
from jobs.standalone.runner import StandaloneRunner
from jobs.status import JobStatus, Outcome
from workers.data.answers import HardExample

__all__ = ["Record"]


@dataclass(frozen=True)
class Record:
    """The job that ran in one folder."""

    name: str
    scenario: Scenario
    status: JobStatus
    setting: Setting

    @classmethod
    def of(cls, folder: Path, scenario: Scenario) -> Self:
        """Read the run in ``folder``; raises SettingsError if there is none."""
        if not folder.exists():
            raise SettingsError(f"{folder}: there is no such run: run `make report`.")
        resources, root = load_job([folder / "manifests"]), folder / "node"
        status = StandaloneRunner(resources, root).status()
        return cls(folder.name, scenario, status, Setting.of(resources, root))

    @cached_property
    def serving(self) -> dict[str, Path]:
        """The model that served, by moment: at the start and after each round."""
        serving = self.setting.initial_model
        models = {"initial model": serving}
        for each in self.status.rounds:
            if each.outcome is Outcome.DEPLOYED:
                [url] = (url for url in each.model_urls if url.endswith(".onnx"))
                serving = Node(self.setting.root).local(url)
            models[f"after round {each.number}"] = serving
        return models

    @property
    def moments(self) -> list[str]:
        """The keys of `serving`, in order."""
        return list(self.serving)

    def accuracy(self, moment: str, light: Light) -> Share:
        """Return the accuracy of the model that served."""
        return accuracy(self.truth[light], self.answers[moment, light])

    def change(self, light: Light, before: str, after: str) -> Change:
        """Compare the models that served at two moments."""
        truth, answers = self.truth[light], self.answers
        return change(truth, answers[before, light], answers[after, light])

    @cached_property
    def truth(self) -> dict[Light, Classes]:
        """The true classes of the held-out pictures in each light."""
        return {
            light: self._numbers(label for _, label in pictures)
            for light, pictures in self._held_out.items()
        }

    @cached_property
    def answers(self) -> dict[tuple[str, Light], Classes]:
        """What the serving models say of the same pictures, by moment and light."""
        answers = {}
        for moment, model in self.serving.items():
            estimator = TinyMSClassifier(self.setting.class_names, self.setting.input_size)
            estimator.load(model)
            for light, pictures in self._held_out.items():
                predictions = estimator.predict([path for path, _ in pictures])
                answers[moment, light] = self._numbers(each.label for each in predictions)
        return answers

    @cached_property
    def labelled(self) -> list[HardExample]:
        """The hard examples that got a label, the most uncertain first."""
        found = (
            HardExample.model_validate_json(file.read_bytes())
            for file in self.setting.hard_examples.glob("*.json")
        )
        labelled = [each for each in found if each.true_label is not None]
        return sorted(labelled, key=lambda each: (each.certainty, each.image))

    @cached_property
    def found_by(self) -> dict[str, list[HardExample]]:
        """Those of them that each serving model found hard, by the moment since which it served."""
        trained = list(self.serving.items())[1:]
        digests = {moment: sha256(read(model).payload).hexdigest() for moment, model in trained}
        found: dict[str, list[HardExample]] = {moment: [] for moment in self.serving}
        for each in self.labelled:
            finders = [name for name in digests if digests[name].startswith(each.model_version)]
            found[next(iter(finders), self.moments[0])].append(each)
        return found

    @cached_property
    def _held_out(self) -> Mapping[Light, Sequence[tuple[Path, str]]]:
        return render_held_out(self.setting, self.scenario).pictures

    def _numbers(self, labels: Iterable[str]) -> Classes:
        return np.array([self.setting.class_names.index(each) for each in labels], dtype=np.int64)
