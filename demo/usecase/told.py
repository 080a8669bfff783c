"""A run as the page tells of it: which model served when, and how good it was."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from demo.usecase.figures import Change, Share, accuracy, change, confusion_matrix
from demo.usecase.results import ModelAnswers, StoryRun, round_name

__all__ = ["FRAMEWORKS", "Forgotten", "Told", "alike"]

FRAMEWORKS = {"TINYMS": "TinyMS", "MINDSPORE": "MindSpore"}


@dataclass(frozen=True)
class Forgotten:
    """What became of one set of pictures from the model that first learned it to the last."""

    set_name: str
    first_model: str
    first: Share
    last: Share
    change: Change

    @property
    def value(self) -> float:
        """Forgetting: first minus last accuracy, -1 to 1; below 0 the last model is better.

        Lopez-Paz and Ranzato, "Gradient Episodic Memory", NeurIPS 2017: their backward transfer
        is its negative.
        """
        return -self.change.value


@dataclass(frozen=True)
class Told:
    """A story's run, and the runs that ended with the very same models."""

    runs: tuple[StoryRun, ...]
    class_count: int

    @property
    def run(self) -> StoryRun:
        """The first of them."""
        return self.runs[0]

    @property
    def name(self) -> str:
        """Say what sets them apart from the others."""
        frameworks = dict.fromkeys(FRAMEWORKS[run.backend] for run in self.runs)
        replay = "" if self.run.replay else ", no replay"
        return f"{' and '.join(frameworks)}, seed {self.run.seed}{replay}"

    @cached_property
    def serving(self) -> list[ModelAnswers]:
        """The model that served at the start and after each round."""
        models = {model.name: model for model in self.run.models}
        serving = [self.run.models[0]]
        for round_ in self.run.rounds:
            trained = models.get(round_name(round_.number))
            serving.append(trained if trained and trained.was_deployed else serving[-1])
        return serving

    @property
    def moments(self) -> list[str]:
        """When each of `serving` served."""
        after = [f"after {round_name(each.number)}" for each in self.run.rounds]
        return ["initial model", *after]

    def accuracy(self, set_name: str) -> list[Share]:
        """Return the serving model's accuracy at each moment."""
        return [self._accuracy(model, set_name) for model in self.serving]

    def mistakes(self, model: str, set_name: str) -> Share:
        """Return how much of a set the model of that name gets wrong."""
        named = next(each for each in self.run.models if each.name == model)
        right = self._accuracy(named, set_name)
        return Share(right.whole - right.part, right.whole)

    def change(self, set_name: str) -> Change:
        """Compare the last serving model to the initial one."""
        return self._change(self.serving[0], set_name)

    def confusion(self, moment: int, set_name: str) -> NDArray[np.int64]:
        """Return the serving model's confusion matrix, true classes by row."""
        answers = self.serving[moment].answers[set_name]
        return confusion_matrix(self.run.truth[set_name], answers, self.class_count)

    @property
    def forgetting(self) -> list[Forgotten]:
        """What was forgotten of the day, of the night, and of each round's evaluation share."""
        trained = self.run.models[1:]
        firsts = {"day": self.run.models[0]} | ({"night": trained[0]} if trained else {})
        firsts |= {model.name: model for model in trained}
        return [self._forgotten(name, first) for name, first in firsts.items()]

    def _forgotten(self, set_name: str, first: ModelAnswers) -> Forgotten:
        return Forgotten(
            set_name,
            first.name,
            self._accuracy(first, set_name),
            self._accuracy(self.serving[-1], set_name),
            self._change(first, set_name),
        )

    def _accuracy(self, model: ModelAnswers, set_name: str) -> Share:
        return accuracy(self.run.truth[set_name], model.answers[set_name])

    def _change(self, before: ModelAnswers, set_name: str) -> Change:
        after = self.serving[-1]
        return change(self.run.truth[set_name], before.answers[set_name], after.answers[set_name])


def alike(runs: Sequence[StoryRun], class_count: int) -> list[Told]:
    """Put runs with the very same models together, in order."""
    groups: dict[tuple[str, ...], list[StoryRun]] = {}
    for run in runs:
        groups.setdefault(tuple(model.digest for model in run.models), []).append(run)
    return [Told(tuple(group), class_count) for group in groups.values()]
