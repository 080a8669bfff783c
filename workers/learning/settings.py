"""Which estimator a worker drives and what counts as a hard example."""

import json
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from backend.errors import SettingsError
from backend.images.preprocessing import InputFormat
from backend.networks import BUILT_IN, DEFAULT_NETWORK, find_network
from workers.contract import Variable
from workers.environment import EnvironmentSettings, UpperCase, split
from workers.learning.miners import Miner, find_miner

__all__ = ["BackendSettings", "ClassNames", "EstimatorSettings", "MiningSettings"]

_MIN_CLASSES = 2


def _class_names(value: object) -> list[str]:
    names = split(value)
    if len(names) < _MIN_CLASSES or len(set(names)) < len(names):
        raise ValueError("expected two or more different names, such as croissant,dog")
    if any(len(name.split()) > 1 for name in names):
        raise ValueError(
            "a name must not contain spaces, because a space ends the path in an index line"
        )
    return names


def _renamed(value: object) -> dict[str, str]:
    pairs = [part.partition("=") for part in split(value)]
    renamed = {old.strip(): new.strip() for old, _, new in pairs}
    if not all(renamed) or not all(renamed.values()):
        raise ValueError("expected pairs such as hound=dog, separated by commas")
    return renamed


def _input_size(value: object) -> int:
    sides = {int(side) if side.isdecimal() else 0 for side in split(value)}
    size = sides.pop() if len(sides) == 1 else 0
    if size <= 0:
        raise ValueError("expected a square such as 96,96")
    return size


def _hem_parameters(value: object) -> dict[str, str]:
    try:
        return {str(entry["key"]): str(entry["value"]) for entry in json.loads(str(value)) or []}
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValueError('expected a JSON list of {"key": ..., "value": ...}') from None


ClassNames = Annotated[tuple[str, ...], BeforeValidator(_class_names)]


class BackendSettings(EnvironmentSettings):
    """Which framework computes where."""

    backend_type: Annotated[Literal["TINYMS", "MINDSPORE"], UpperCase] = Field(
        default="TINYMS", validation_alias="BACKEND_TYPE", description="TINYMS or MINDSPORE."
    )
    device_category: Annotated[Literal["CPU", "GPU", "NPU", "ASCEND"], UpperCase] = Field(
        default="CPU",
        validation_alias="DEVICE_CATEGORY",
        description="CPU, GPU, or NPU (ASCEND).",
    )


class MiningSettings(EnvironmentSettings):
    """What counts as a hard example."""

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

    @property
    def miner(self) -> Miner | None:
        """The miner with its parameters; None: nothing is hard.

        Raises SettingsError for an unknown name or a wrong parameter.
        """
        return find_miner(self.hem_name, self.hem_parameters) if self.hem_name else None


class EstimatorSettings(BackendSettings):
    """Which network for which classes; the same in the train, eval and infer templates of a job."""

    class_names: ClassNames = Field(
        description="The classes in the order of the model's outputs, separated by commas."
    )
    renamed_classes: Annotated[dict[str, str], BeforeValidator(_renamed)] = Field(
        default_factory=dict,
        description="Old names of classes and the names that they have in class_names now, as "
        "old=new, separated by commas; for models and index lines from before.",
    )
    network: str = Field(
        default=DEFAULT_NETWORK,
        pattern=rf"^({'|'.join(BUILT_IN)}|[\w.]+:[\w.]+)$",
        description=f"The network: {', '.join(BUILT_IN)}, or your own as package.module:factory.",
    )
    input_size: Annotated[int, BeforeValidator(_input_size)] | None = Field(
        default=None,
        validation_alias="input_shape",
        validate_default=True,
        description="Side of the network's square input in pixels, as 96,96 or 96; most "
        "networks take multiples of 32. Smaller is faster and sees less. Unset: the network's own.",
    )

    @field_validator("input_size")
    @classmethod
    def _check_input_size(cls, size: int | None, others: ValidationInfo) -> int | None:
        # A network of the user's own may not be importable where a manifest is judged.
        network = BUILT_IN.get(others.data.get("network", ""))
        try:
            if network:
                network.input_format(size)
        except SettingsError as error:
            raise ValueError(str(error)) from None
        return size

    @property
    def input_format(self) -> InputFormat:
        """What the network takes; raises SettingsError if it does not take ``input_size``."""
        return find_network(self.network).input_format(self.input_size)
