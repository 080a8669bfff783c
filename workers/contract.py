"""Sedna's contract between its controllers and a worker: variables, messages, files.

One source for the side that sends and the side that receives: the workers read the
environment and post messages; `jobs` sets the environment and receives them. Everything here
is Sedna's own naming (kubeedge/sedna, ``pkg/globalmanager`` and ``pkg/localcontroller``).
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from backend.metrics import Metrics

__all__ = [
    "DATA_PATH_PREFIX",
    "JOB_KIND",
    "LC_SERVER",
    "MODEL_HOT_UPDATE_FILE",
    "MODEL_HOT_UPDATE_FOLDER",
    "ModelConfig",
    "ModelHotUpdateConfig",
    "ModelResult",
    "Variable",
    "WorkerKind",
    "WorkerMessage",
    "WorkerStatus",
    "message_path",
]

JOB_KIND = "incrementallearningjob"
LC_SERVER = "http://localhost:9100"
DATA_PATH_PREFIX = "/home/data"
MODEL_HOT_UPDATE_FOLDER = "/model-hot-update"
MODEL_HOT_UPDATE_FILE = "model_config.json"


class Variable(StrEnum):
    """Environment variables that the GlobalManager gives to a worker."""

    NAMESPACE = "NAMESPACE"
    JOB_NAME = "JOB_NAME"
    WORKER_NAME = "WORKER_NAME"
    LC_SERVER = "LC_SERVER"
    DATA_PATH_PREFIX = "DATA_PATH_PREFIX"
    # train
    BASE_MODEL_URL = "BASE_MODEL_URL"
    MODEL_URL = "MODEL_URL"
    TRAIN_DATASET_URL = "TRAIN_DATASET_URL"
    ORIGINAL_DATASET_URL = "ORIGINAL_DATASET_URL"
    # eval
    MODEL_URLS = "MODEL_URLS"
    TEST_DATASET_URL = "TEST_DATASET_URL"
    # infer
    HEM_NAME = "HEM_NAME"
    HEM_PARAMETERS = "HEM_PARAMETERS"
    MODEL_HOT_UPDATE = "MODEL_HOT_UPDATE"
    MODEL_POLL_PERIOD_SECONDS = "MODEL_POLL_PERIOD_SECONDS"
    MODEL_HOT_UPDATE_CONFIG = "MODEL_HOT_UPDATE_CONFIG"
    # s3
    S3_ENDPOINT_URL = "S3_ENDPOINT_URL"
    ACCESS_KEY_ID = "ACCESS_KEY_ID"
    SECRET_ACCESS_KEY = "SECRET_ACCESS_KEY"  # noqa: S105 - the variable's name


class WorkerKind(StrEnum):
    """What a message is about; an inference worker's kind is ``deploy``."""

    TRAIN = "train"
    EVAL = "eval"
    DEPLOY = "deploy"


class WorkerStatus(StrEnum):
    """How a worker ended. The GlobalManager rejects any other word."""

    COMPLETED = "completed"
    FAILED = "failed"


class ModelResult(BaseModel):
    """One model file in a message; the LC picks by ``format`` and, where named, device."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    format: str
    url: str = Field(description="The model's path on the node, without DATA_PATH_PREFIX.")
    metrics: Metrics = Field(default_factory=dict)
    device_soc_versions: list[str] | None = None


class WorkerMessage(BaseModel):
    """The body of ``POST {LC_SERVER}/sedna/workers/{name}/info``."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True, frozen=True)

    name: str
    namespace: str
    owner_name: str = Field(alias="ownerName")
    owner_kind: str = Field(default=JOB_KIND, alias="ownerKind")
    kind: WorkerKind
    status: WorkerStatus
    results: list[ModelResult] = Field(default_factory=list)
    owner_info: dict[str, object] | None = Field(default=None, alias="ownerInfo")

    def to_json(self) -> str:
        """Return the body, with Sedna's names and without unset fields."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


class ModelConfig(BaseModel):
    """Which model an inference worker is to load."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())

    model_path: str
    model_update_time: str = Field(description="Changes with every update; its form is the LC's.")


class ModelHotUpdateConfig(BaseModel):
    """The content of ``model_config.json``, which the LC rewrites in place."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    # Pydantic has its own use for the name `model_config`.
    model: ModelConfig = Field(alias="model_config")

    def to_json(self) -> str:
        """Return the file's content, with Sedna's names."""
        return self.model_dump_json(by_alias=True)


def message_path(worker_name: str) -> str:
    """Return the path under ``LC_SERVER`` that takes a worker's message."""
    return f"/sedna/workers/{worker_name}/info"
