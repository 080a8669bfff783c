"""A finished run: what ``iljob`` recorded, and what its models say of pictures held out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Self

from backend.errors import SettingsError
from backend.models.model_file import read
from demo.pictures import Light
from demo.preparation import render_held_out
from demo.scenario import Scenario
from demo.setting import Setting
from jobs.resources.loader import load_job
from jobs.standalone.paths import Node
from jobs.standalone.runner import StandaloneRunner
from jobs.status import JobStatus, Outcome
from workers.compare.comparison import compare
from workers.data.answers import HardExample
from workers.judgement import Judgement, Share

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

    @property
    def updates(self) -> list[str]:
        """The moments at which another model began to serve; the start is the first."""
        moments = list(self.serving.items())
        before = [None, *self.serving.values()]
        return [name for (name, model), old in zip(moments, before, strict=False) if model != old]

    @cached_property
    def judged(self) -> dict[tuple[Light, str], dict[str, Judgement]]:
        """What the models that served make of the held-out pictures, by light and first moment.

        Judgements are by moment, from that first one on, and compared with it. The first moments
        are the start, and for each light in turn the update with which it had been learned.
        """
        starts = product(Light, self.moments[:1])
        firsts = {*starts, *zip(Light, self.updates, strict=False)}
        return {(light, first): self._judge(light, first) for light, first in firsts}

    def accuracy(self, moment: str, light: Light) -> Share:
        """Return the accuracy of the model that served."""
        return self.judged[light, self.moments[0]][moment].total

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

    def _judge(self, light: Light, first: str) -> dict[str, Judgement]:
        moments = self.moments[self.moments.index(first) :]
        models = [self.serving[moment] for moment in moments]
        judgements = compare(models, self._held_out[light], {})
        return dict(zip(moments, judgements, strict=True))

    @cached_property
    def _held_out(self) -> Mapping[Light, Path]:
        return render_held_out(self.setting, self.scenario)
