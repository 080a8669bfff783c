"""The settings of the preparation's steps."""

from pydantic import Field, NonNegativeInt

from workers.environment import EnvironmentSettings, LocalPath, LocalPaths
from workers.learning.settings import EstimatorSettings

__all__ = ["FolderSettings", "ModelSettings"]

_WORKER_UID = 10001


class FolderSettings(EnvironmentSettings):
    """Whose folders are made where."""

    dataset_url: LocalPath = Field(description="The Dataset's index file.")
    output_dir: LocalPath = Field(description="The job's outputDir.")
    initial_model_url: LocalPath = Field(description="The initial Model's file.")
    deploy_model_url: LocalPath = Field(description="The deploy Model's file.")
    folders: LocalPaths = Field(
        default=(),
        description="Further folders of the workers, separated by commas: the inbox and the hard "
        "examples, say.",
    )
    worker_uid: NonNegativeInt = Field(
        default=_WORKER_UID, description="User and group id of the workers, who get the folders."
    )


class ModelSettings(EstimatorSettings):
    """Which models are put where."""

    initial_model_url: LocalPath = Field(
        description="The initial Model's file; its suffix decides the format."
    )
    deploy_model_url: LocalPath = Field(
        description="The deploy Model's file; its suffix decides the format."
    )
    initial_model_source: str | None = Field(
        default=None,
        description="A path on the node, s3:// or http(s):// URL of weights to start from "
        "(.ckpt, .npz, .onnx, .safetensors); a head for other classes is dropped. "
        "Unset: drawn at random.",
    )
    initial_model_sha256: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        description="The source's SHA-256, 64 hexadecimal digits. Unset: not checked.",
    )
