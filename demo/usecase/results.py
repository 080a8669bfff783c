"""What the runs found, raw: the page's every figure is computed from this.

Pictures' classes, true or predicted, are strings of digits: one a picture, the class's number.
"""

from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.errors import SettingsError
from backend.files import write_atomically
from jobs.status import Outcome, Stage
from workers.contract import Metrics

__all__ = [
    "INITIAL",
    "Cost",
    "Framework",
    "HardExampleFound",
    "Machine",
    "Manifests",
    "MinedByModel",
    "ModelAnswers",
    "PhotographRun",
    "Results",
    "RoundDone",
    "StoryRun",
    "round_name",
]

INITIAL = "initial model"


def round_name(number: int) -> str:
    """Return the name of a round's model, and of the pictures that it was held to."""
    return f"round {number}"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Machine(_Record):
    """What the runs ran on."""

    processor: str
    cores: int
    memory_gigabytes: float
    versions: dict[str, str] = Field(description="Package to version.")


class Cost(_Record):
    """What one process took."""

    what: str = Field(description="`initial model`, `train`, `eval` or `infer`.")
    round: int = Field(ge=0, description="0: no round's.")
    seconds: float = Field(description="From its start to its end.")
    cpu_seconds: float = Field(description="Of all cores together.")
    peak_megabytes: float = Field(description="The most memory that it held, resident.")


class RoundDone(_Record):
    """A round, as the job's status tells of it."""

    number: int
    outcome: Outcome
    reason: str
    new: dict[str, int] = Field(description="New training samples of each condition.")
    replayed: int = Field(description="Older training samples that were repeated.")
    candidate: Metrics
    deployed: Metrics
    seconds: dict[Stage, float]


class ModelAnswers(_Record):
    """A model, and what it says of each set of pictures."""

    name: str
    digest: str = Field(description="SHA-256 of the checkpoint.")
    was_deployed: bool
    answers: dict[str, str] = Field(description="Set to predicted classes.")


class MinedByModel(_Record):
    """The hard examples that one model found and that got a label."""

    model: str
    labelled: int
    wrong: int


class HardExampleFound(_Record):
    """A hard example that the page shows."""

    picture: str = Field(description="File name.")
    label: str
    true_label: str
    probability: float = Field(description="Of `label`.")


class StoryRun(_Record):
    """The demo's story, once."""

    backend: str
    seed: int
    replay: int
    seconds: float
    stream: int = Field(description="Night pictures that came to the edge node.")
    truth: dict[str, str] = Field(description="Set to true classes.")
    models: list[ModelAnswers] = Field(description="The initial model, then each round's.")
    rounds: list[RoundDone]
    mined: list[MinedByModel] = Field(description="One for each model that found some, in order.")
    costs: list[Cost]


class PhotographRun(_Record):
    """One round on real photographs."""

    backend: str
    fine_tune: str
    epochs: int
    digest: str
    round: RoundDone
    costs: list[Cost]


class Framework(_Record):
    """What a framework costs before it trains."""

    backend: str
    start_seconds: list[float] = Field(description="Process start to network built, each trial.")
    start_megabytes: float = Field(description="The most memory of that, resident.")
    code_lines: dict[str, int] = Field(description="Source file to lines of code.")


class Manifests(_Record):
    """What the job's manifests say."""

    train_prob: float
    train_trigger: str
    deploy_trigger: str
    miner: str
    training: dict[str, str] = Field(description="The train worker's variables.")


class Results(_Record):
    """Everything."""

    when: datetime
    machine: Machine
    class_names: list[str]
    input_size: int
    initial_training: int
    initial_epochs: int
    dataset: int
    labels_per_round: int
    manifests: Manifests
    stories: list[StoryRun]
    hard_examples: list[HardExampleFound]
    frameworks: list[Framework]
    photographs: list[PhotographRun] = Field(description="Empty where there are none.")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read them; raises SettingsError if the file is missing or holds something else."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise SettingsError(
                f"{path}: cannot be read ({error.strerror}): run `make report`."
            ) from error
        except ValidationError as error:
            raise SettingsError(
                f"{path}: holds no results of this version ({error.error_count()} mistakes): "
                "run `make report`."
            ) from error

    def write(self, path: Path) -> None:
        """Write them, whole or not at all."""
        write_atomically(path, f"{self.model_dump_json(indent=1)}\n".encode())
