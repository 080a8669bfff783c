"""The status of a job, shared by every view, report and runner.

The terms are Sedna's: stages, conditions and their types. Times are UTC.
"""

from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from backend.metrics import Metrics

__all__ = [
    "Condition",
    "ConditionType",
    "JobStatus",
    "Outcome",
    "Round",
    "Samples",
    "Stage",
    "WorkerState",
]


class Stage(StrEnum):
    """The stages of a round, in order."""

    TRAIN = "Train"
    EVAL = "Eval"
    DEPLOY = "Deploy"


class ConditionType(StrEnum):
    """The progress of a stage."""

    WAITING = "Waiting"
    READY = "Ready"
    STARTING = "Starting"
    RUNNING = "Running"
    COMPLETED = "Completed"
    FAILED = "Failed"


class Outcome(StrEnum):
    """How a round ended, or that it is still running."""

    RUNNING = "running"
    DEPLOYED = "deployed"
    REJECTED = "rejected"
    FAILED = "failed"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Condition(_Record):
    """One entry of ``status.conditions``."""

    stage: Stage
    type: ConditionType
    time: datetime
    data: str = Field(default="", description="Sedna's JSON text of the stage's input or output.")
    message: str = ""


class Samples(_Record):
    """The number of samples in the dataset and of those waiting for the next round."""

    total: int = Field(default=0, description="Lines of the index read so far.")
    train_waiting: int = Field(default=0, description="Train share since the last trigger.")
    eval_waiting: int = Field(default=0, description="Evaluation share since the last trigger.")
    trigger: str = Field(default="", description="The train trigger, e.g. `num_of_samples >= 100`.")
    needed: float = Field(default=0, description="The trigger's threshold, if it is on samples.")


class WorkerState(_Record):
    """A worker process or pod."""

    name: str
    kind: str = Field(description="`train`, `eval` or `infer`.")
    pid: int | None = Field(default=None, description="Standalone only.")
    log: Path | None = Field(default=None, description="The file with its output.")
    started: datetime
    ended: datetime | None = None
    exit_status: int | None = None
    restarts: int = 0
    last_line: str = Field(default="", description="What its output ends with: its progress.")


class Round(_Record):
    """One pass from Train to Deploy."""

    number: int = Field(ge=1)
    started: datetime
    ended: datetime | None = None
    outcome: Outcome = Outcome.RUNNING
    reason: str = Field(default="", description="One sentence: why it ended so, with the figures.")
    train_samples: int = 0
    eval_samples: int = 0
    class_names: list[str] = Field(default_factory=list, description="As the round began.")
    seconds: dict[Stage, float] = Field(default_factory=dict, description="Time in each stage.")
    model_urls: list[str] = Field(default_factory=list, description="Host paths, one per format.")
    candidate_metrics: Metrics = Field(default_factory=dict, description="The trained model's.")
    deployed_metrics: Metrics = Field(
        default_factory=dict, description="Of the model it is compared with."
    )


class JobStatus(_Record):
    """Everything that a view or a report shows about one job."""

    name: str
    namespace: str
    runner: str = Field(description="`standalone` or `kubernetes`.")
    started: datetime
    conditions: list[Condition] = Field(default_factory=list, description="Only grows.")
    samples: Samples = Field(default_factory=Samples)
    rounds: list[Round] = Field(default_factory=list)
    workers: list[WorkerState] = Field(default_factory=list)
    class_names: list[str] = Field(
        default_factory=list, description="From the template's environment."
    )
    deploy_trigger: str = Field(default="", description="e.g. `better_probability[0] > 0.95`.")
    hard_examples: Path | None = Field(default=None, description="Folder of pictures and sidecars.")
    problem: str = Field(
        default="", description="What keeps the job from going on, in one sentence, or empty."
    )
    note: str = Field(
        default="", description="What to know about the job although it continues, or empty."
    )

    @property
    def condition(self) -> Condition | None:
        """The newest condition, or None before the first."""
        return self.conditions[-1] if self.conditions else None

    @property
    def rounds_ended(self) -> int:
        """How many rounds have ended, whatever their outcome."""
        return sum(round_.ended is not None for round_ in self.rounds)

    @property
    def accuracy_metric(self) -> str:
        """The metric that rounds are told by: accuracy on the test set, if the job has one.

        That of rounds' own evaluation files is of other samples in each round.
        """
        is_tested = any("test_accuracy" in each.candidate_metrics for each in self.rounds)
        return "test_accuracy" if is_tested else "accuracy"
