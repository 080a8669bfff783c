"""What each worker is told, read once from its environment.

    EnvironmentSettings         read from variables
    ├── S3Settings              read when an s3:// URL is used
    └── JobSettings             who the worker is and whom it tells
        └── WorkerSettings      what the GlobalManager gives; `IncrementalLearning` needs no more
            └── EstimatorSettings   which network
                ├── RoundSettings   where a round's images are, and which are left out
                │   ├── TrainSettings
                │   └── EvalSettings
                └── InferSettings

URLs are local paths here: `workers.storage.Mirror` gives one to every remote URL beforehand.

A field's environment variable is its alias, or its name where it has none. A variable is also
read in upper case, and an empty one counts as unset.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
)
from pydantic_core import ErrorDetails

from backend.errors import SettingsError
from workers.contract import (
    DATA_PATH_PREFIX,
    LC_SERVER,
    MODEL_HOT_UPDATE_FILE,
    MODEL_HOT_UPDATE_FOLDER,
    Variable,
)
from workers.storage import local_path, shown

__all__ = [
    "EnvironmentSettings",
    "EstimatorSettings",
    "EvalSettings",
    "InferSettings",
    "JobSettings",
    "ModelFormat",
    "RoundSettings",
    "S3Settings",
    "TrainSettings",
    "WorkerSettings",
]

_CLUSTER_MARGIN_SECONDS = 10.0
_CACHE = "cache"
_INPUT_SIZE_STEP = 32
_MIN_CLASSES = 2


def _local(value: object) -> Path:
    try:
        return local_path(str(value))
    except SettingsError as error:
        raise ValueError(str(error)) from None


def _endpoint(value: object) -> str:
    text = str(value)
    return text if "://" in text else f"https://{text}"


def _upper(value: object) -> str:
    return str(value).upper()


def _folder(value: object) -> str:
    return str(value).rstrip("/")


def _split(text: object, separator: str = ",") -> list[str]:
    return [part.strip() for part in str(text).split(separator) if part.strip()]


def _class_names(value: object) -> list[str]:
    names = _split(value)
    if len(names) < _MIN_CLASSES or len(set(names)) < len(names):
        raise ValueError("expected two or more different names, such as croissant,dog")
    if any(len(name.split()) > 1 for name in names):
        raise ValueError("a name must hold no blank, because a blank ends an index line's path")
    return names


def _model_urls(value: object) -> list[Path]:
    return [_local(url) for url in _split(value, ";")]


def _input_size(value: object) -> int:
    sides = {int(side) if side.isdecimal() else 0 for side in _split(value)}
    size = sides.pop() if len(sides) == 1 else 0
    if size <= 0 or size % _INPUT_SIZE_STEP:
        raise ValueError("expected a square such as 96,96 whose side is a multiple of 32")
    return size


def _fine_tune(value: object) -> str | int:
    if value in ("head", "full"):
        return str(value)
    if str(value).isdecimal() and int(str(value)) > 0:
        return int(str(value))
    raise ValueError("expected head, full or the number of last blocks to train, 1 or more")


def _hem_parameters(value: object) -> dict[str, str]:
    try:
        return {str(entry["key"]): str(entry["value"]) for entry in json.loads(str(value)) or []}
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValueError('expected a JSON list of {"key": ..., "value": ...}') from None


LocalPath = Annotated[Path, BeforeValidator(_local)]
LocalPaths = Annotated[tuple[LocalPath, ...], BeforeValidator(_split)]
ClassNames = Annotated[tuple[str, ...], BeforeValidator(_class_names)]
ModelFormat = Literal["ckpt", "onnx", "npz", "mindir", "int8"]


class EnvironmentSettings(BaseModel):
    """Settings whose fields are environment variables."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", protected_namespaces=(), allow_inf_nan=False
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings; raises one SettingsError that names every wrong variable."""
        values = {variable: _value(environment, variable) for variable in cls._variables()}
        try:
            return cls.model_validate(
                {variable: value for variable, value in values.items() if value}
            )
        except ValidationError as error:
            problems = [cls._problem(details, values) for details in error.errors()]
            raise SettingsError("; ".join(dict.fromkeys(problems))) from None

    @classmethod
    def _problem(cls, details: ErrorDetails, values: Mapping[str, str]) -> str:
        variable = str(details["loc"][0])
        if details["type"] == "missing":
            return f"{variable} is not set: {cls._variables()[variable].rstrip('.')}"
        expected = details.get("ctx", {}).get("error") or details["msg"]
        if variable in cls._secrets():
            return f"{variable}: {expected}"
        return f"{variable}={shown(values[variable])!r}: {expected}"

    @classmethod
    def _secrets(cls) -> set[str]:
        fields = cls.model_fields.items()
        return {
            str(field.validation_alias or name)
            for name, field in fields
            if _holds(field.annotation, SecretStr)
        }

    @classmethod
    def _variables(cls) -> dict[str, str]:
        fields = cls.model_fields.items()
        return {
            str(field.validation_alias or name): field.description or "" for name, field in fields
        }


class S3Settings(EnvironmentSettings):
    """How to reach S3; the GlobalManager takes it from the secret of ``credentialName``."""

    s3_endpoint_url: Annotated[str, BeforeValidator(_endpoint)] | None = Field(
        default=None,
        validation_alias=Variable.S3_ENDPOINT_URL,
        description="The store's URL; https:// where it names no scheme. Unset: Amazon's S3.",
    )
    access_key_id: SecretStr | None = Field(
        default=None,
        validation_alias=Variable.ACCESS_KEY_ID,
        description="The access key. Unset: without a signature, for public data.",
    )
    secret_access_key: SecretStr | None = Field(
        default=None,
        validation_alias=Variable.SECRET_ACCESS_KEY,
        description="The access key's secret.",
    )


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
    lc_server: str = Field(
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
        is_on_cluster = self.data_path_prefix == DATA_PATH_PREFIX or self.lc_server == LC_SERVER
        return _CLUSTER_MARGIN_SECONDS if is_on_cluster else 0.0


class WorkerSettings(JobSettings):
    """What the GlobalManager gives to the one worker or the other."""

    base_model_url: LocalPath | None = Field(
        default=None,
        validation_alias=Variable.BASE_MODEL_URL,
        description="The model a round starts from.",
    )
    model_url: LocalPath | None = Field(
        default=None,
        validation_alias=Variable.MODEL_URL,
        description="train: the folder for the trained models; infer: the model file to serve.",
    )
    model_urls: Annotated[tuple[Path, ...], BeforeValidator(_model_urls)] = Field(
        default=(),
        validation_alias=Variable.MODEL_URLS,
        description="The model files to evaluate, in order, separated by semicolons.",
    )
    train_dataset_url: LocalPath | None = Field(
        default=None,
        validation_alias=Variable.TRAIN_DATASET_URL,
        description="The index file of the round's new samples.",
    )
    test_dataset_url: LocalPath | None = Field(
        default=None,
        validation_alias=Variable.TEST_DATASET_URL,
        description="The index file of the samples to evaluate on.",
    )
    model_formats: Annotated[tuple[ModelFormat, ...], BeforeValidator(_split)] = Field(
        default=("ckpt", "onnx"),
        min_length=1,
        description="Formats in which training saves and reports the model: ckpt, onnx, npz, "
        "mindir, int8 (quantised ONNX), separated by commas. Name all that the job's Models ask "
        "for; that of BASE_MODEL_URL is always added.",
    )
    device_soc_versions: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field(
        default=(),
        description="Chips that the trained models are for, separated by commas; each model is "
        "reported once for each. Set it if a Model names its device_soc_versions and other "
        "models would not run there. Unset: for every device.",
    )
    hem_name: str | None = Field(
        default=None,
        validation_alias=Variable.HEM_NAME,
        description="The hard example miner; unset: nothing is hard.",
    )
    hem_parameters: Annotated[dict[str, str], BeforeValidator(_hem_parameters)] = Field(
        default_factory=dict,
        validation_alias=Variable.HEM_PARAMETERS,
        description="The miner's parameters, JSON.",
    )
    backend_type: Annotated[Literal["TINYMS", "MINDSPORE"], BeforeValidator(_upper)] = Field(
        default="TINYMS", validation_alias="BACKEND_TYPE", description="TINYMS or MINDSPORE."
    )
    device_category: Annotated[Literal["CPU", "GPU", "NPU", "ASCEND"], BeforeValidator(_upper)] = (
        Field(
            default="CPU",
            validation_alias="DEVICE_CATEGORY",
            description="CPU, GPU, or NPU (ASCEND).",
        )
    )


class EstimatorSettings(WorkerSettings):
    """Which MobileNetV2; the same in the train, eval and infer templates of one job."""

    class_names: ClassNames = Field(
        description="The classes in the order of the model's outputs, separated by commas."
    )
    input_size: Annotated[int, BeforeValidator(_input_size)] = Field(
        default=224,
        validation_alias="input_shape",
        description="Side of the network's square input in pixels, as 96,96 or 96; "
        "a multiple of 32. Smaller is faster and sees less.",
    )


class RoundSettings(EstimatorSettings):
    """Where a round's images are and which are left out, in training and in evaluation."""

    original_dataset_url: LocalPath = Field(
        validation_alias=Variable.ORIGINAL_DATASET_URL,
        description="The Dataset's index file; samples' paths are relative to its folder.",
    )
    unreadable_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of the round's samples, 0 to 1, that may be left out because their "
        "images cannot be read; with more the round fails.",
    )
    image_limit_mib: PositiveInt = Field(
        default=64,
        description="MiB that an image file may have; a larger one is left out as unreadable.",
    )


class TrainSettings(RoundSettings):
    """What the train worker is told."""

    base_model_url: LocalPath = Field(
        validation_alias=Variable.BASE_MODEL_URL,
        description="The model file that the round starts from.",
    )
    model_url: LocalPath = Field(
        validation_alias=Variable.MODEL_URL,
        description="The folder for the trained models; made if missing.",
    )
    train_dataset_url: LocalPath = Field(
        validation_alias=Variable.TRAIN_DATASET_URL,
        description="The index file of the round's new samples.",
    )
    epochs: PositiveInt = Field(default=10, description="Passes over the round's samples.")
    batch_size: PositiveInt = Field(default=16, description="Samples in a training step.")
    learning_rate: PositiveFloat = Field(
        default=1e-3, description="The highest learning rate, reached after the warm-up."
    )
    optimizer: Literal["adam", "momentum"] = Field(
        default="adam", description="adam or momentum (SGD with momentum)."
    )
    label_smoothing: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Share of the label's probability that is spread over all classes, 0 to 1.",
    )
    fine_tune: Annotated[Literal["head", "full"] | int, BeforeValidator(_fine_tune)] = Field(
        default="full",
        description="What is trained: head (the classifier), full, or the number of last blocks.",
    )
    seed: int = Field(
        default=0, ge=0, lt=2**32, description="Seed of the order, augmentation and replay."
    )
    replay: int = Field(
        default=200,
        ge=0,
        description="Older samples that are trained on beside the new ones, against forgetting.",
    )
    cache_folder: LocalPath | None = Field(
        default=None,
        description="The folder in which rounds of one job keep what the next need not do again: "
        "the compiled graph, and for fine_tune=head the features of images. "
        "Unset: cache beside the rounds' folders.",
    )
    cache_size: int = Field(
        default=512,
        ge=0,
        description="MiB that the features may take, one for 110 images; 0: nothing is kept.",
    )

    @property
    def cache(self) -> Path | None:
        """Where something is kept for the next round, if it is."""
        return (self.cache_folder or self.model_url.parent / _CACHE) if self.cache_size else None


class EvalSettings(RoundSettings):
    """What the eval worker is told."""

    model_urls: Annotated[tuple[Path, ...], BeforeValidator(_model_urls)] = Field(
        validation_alias=Variable.MODEL_URLS,
        min_length=1,
        description="The trained and the deployed model's file, separated by a semicolon.",
    )
    test_dataset_url: LocalPath = Field(
        validation_alias=Variable.TEST_DATASET_URL,
        description="The index file of the samples to evaluate on.",
    )
    batch_size: PositiveInt = Field(
        default=16, description="Samples in a step: memory and speed only."
    )
    forgetting_samples: int = Field(
        default=200,
        ge=0,
        description="Held-out samples of earlier rounds that each model is judged on again, to "
        "report forgetting. 0: it is not reported.",
    )


class InferSettings(EstimatorSettings):
    """What the inference worker is told."""

    model_url: LocalPath = Field(
        validation_alias=Variable.MODEL_URL,
        description="The model file to serve until a hot update.",
    )
    model_hot_update: bool = Field(
        default=False,
        validation_alias=Variable.MODEL_HOT_UPDATE,
        description="Whether to watch for new models.",
    )
    model_poll_period_seconds: float = Field(
        default=60.0,
        ge=1,
        validation_alias=Variable.MODEL_POLL_PERIOD_SECONDS,
        description="Seconds between two looks for a new model where no file event tells of it.",
    )
    model_hot_update_config: LocalPath = Field(
        default=Path(MODEL_HOT_UPDATE_FOLDER, MODEL_HOT_UPDATE_FILE),
        validation_alias=Variable.MODEL_HOT_UPDATE_CONFIG,
        description="The file that names the newest model.",
    )
    infer_url: LocalPath = Field(description="The folder whose images are answered.")
    he_saved_url: LocalPath | None = Field(
        default=None,
        validation_alias="HE_SAVED_URL",
        description="The folder for hard examples; unset: they are not saved.",
    )


def _holds(annotation: object, kind: type) -> bool:
    return annotation is kind or any(_holds(part, kind) for part in get_args(annotation))


def _value(environment: Mapping[str, str], name: str) -> str:
    candidates = (environment.get(key, "").strip() for key in (name, name.upper()))
    value = next(filter(None, candidates), "")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise SettingsError(f"{name} is not UTF-8 text: write it as such.") from None
    return value
