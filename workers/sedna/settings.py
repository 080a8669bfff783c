"""What the GlobalManager gives to a worker, and what a worker needs to report."""

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, PositiveFloat

from backend.models.model_file import model_format, model_name
from workers.contract import DATA_PATH_PREFIX, LC_SERVER, Variable
from workers.environment import EnvironmentSettings, LocalPath, split

__all__ = ["EvalTask", "InferTask", "JobSettings", "ModelFormat", "TrainTask"]

_CLUSTER_MARGIN_SECONDS = 10.0

ModelFormat = Literal["ckpt", "onnx", "npz", "mindir", "int8"]


def _folder(value: object) -> str:
    return str(value).rstrip("/")


def _model_urls(value: object) -> list[str]:
    return split(value, ";")


class JobSettings(EnvironmentSettings):
    """Who the worker is and whom it tells."""

    namespace: str = Field(
        default="default", validation_alias=Variable.NAMESPACE, description="The job's namespace."
    )
    job_name: str = Field(validation_alias=Variable.JOB_NAME, description="The job's name.")
    worker_name: str = Field(
        validation_alias=Variable.WORKER_NAME,
        description="The name the LocalController knows it by.",
    )
    local_controller_url: str = Field(
        default=LC_SERVER,
        validation_alias=Variable.LC_SERVER,
        pattern=r"^https?://",
        description="The LocalController's URL.",
    )
    data_path_prefix: Annotated[str, BeforeValidator(_folder)] = Field(
        default="",
        validation_alias=Variable.DATA_PATH_PREFIX,
        description="Where the node's paths are mounted; taken off the reported URLs.",
    )
    report_patience_seconds: PositiveFloat = Field(
        default=300.0,
        description="Seconds for which a report is tried again before the worker gives up.",
    )
    report_margin_seconds: float | None = Field(
        default=None,
        ge=0,
        description="Seconds between the worker's start and its report, and between its report "
        "and its end; the GlobalManager can lose a report that is closer to either. "
        "Unset: 10 on a cluster (DATA_PATH_PREFIX is /home/data or LC_SERVER is "
        "http://localhost:9100), 0 elsewhere.",
    )

    @property
    def margin_seconds(self) -> float:
        """Seconds to keep between a report and the worker's start and end."""
        if self.report_margin_seconds is not None:
            return self.report_margin_seconds
        # A pod that mounts nothing of its node has no DATA_PATH_PREFIX.
        is_on_cluster = (
            self.data_path_prefix == DATA_PATH_PREFIX or self.local_controller_url == LC_SERVER
        )
        return _CLUSTER_MARGIN_SECONDS if is_on_cluster else 0.0


class TrainTask(EnvironmentSettings):
    """What a train worker starts from, and what it is to deliver where."""

    base_model_url: LocalPath = Field(
        validation_alias=Variable.BASE_MODEL_URL,
        description="The model file that the round starts from.",
    )
    model_url: LocalPath = Field(
        validation_alias=Variable.MODEL_URL,
        description="The folder for the trained models; created if missing.",
    )
    train_dataset_url: LocalPath = Field(
        validation_alias=Variable.TRAIN_DATASET_URL,
        description="The index file of the round's new samples.",
    )
    model_formats: Annotated[tuple[ModelFormat, ...], BeforeValidator(split)] = Field(
        default=("ckpt", "onnx"),
        min_length=1,
        description="Formats in which training saves and reports the model: ckpt, onnx, npz, "
        "mindir, int8 (quantised ONNX), separated by commas. Name all that the job's Models ask "
        "for; that of BASE_MODEL_URL is always added.",
    )
    device_soc_versions: Annotated[tuple[str, ...], BeforeValidator(split)] = Field(
        default=(),
        description="Chips that the trained models are for, separated by commas; each model is "
        "reported once for each. Set it if a Model names its device_soc_versions and other "
        "models would not run there. Unset: for every device.",
    )

    @property
    def model_names(self) -> list[str]:
        """The file names of the models to save.

        The base model's format is always among them: the next round starts from it.
        """
        base = model_format(self.base_model_url)
        known = [base] if base in get_args(ModelFormat) else []
        return [model_name(each) for each in dict.fromkeys([*self.model_formats, *known])]


class EvalTask(EnvironmentSettings):
    """What an eval worker is to judge, and on what."""

    model_urls: Annotated[tuple[LocalPath, ...], BeforeValidator(_model_urls)] = Field(
        validation_alias=Variable.MODEL_URLS,
        min_length=1,
        description="The trained and the deployed model's file, separated by a semicolon.",
    )
    test_dataset_url: LocalPath = Field(
        validation_alias=Variable.TEST_DATASET_URL,
        description="The index file of the samples to evaluate on.",
    )


class InferTask(EnvironmentSettings):
    """What an inference worker is to serve."""

    model_url: LocalPath = Field(
        validation_alias=Variable.MODEL_URL,
        description="The model file to serve until a hot update.",
    )
