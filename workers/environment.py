"""Settings that are read from environment variables.

A field's variable is its alias, or its name where it has none. A variable is also read in upper
case, and an empty one counts as unset. URLs are local paths here: `workers.storage.Mirror` gives
one to every remote URL beforehand.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from backend.errors import SettingsError
from workers.urls import local_path, redacted

__all__ = ["EnvironmentSettings", "LocalPath", "LocalPaths", "UpperCase", "split"]


def _local(value: object) -> Path:
    try:
        return local_path(str(value))
    except SettingsError as error:
        raise ValueError(str(error)) from None


def _upper(value: object) -> str:
    return str(value).upper()


def split(text: object, separator: str = ",") -> list[str]:
    """Return the parts between separators, without blanks around them and without empty ones."""
    return [part.strip() for part in str(text).split(separator) if part.strip()]


LocalPath = Annotated[Path, BeforeValidator(_local)]
LocalPaths = Annotated[tuple[LocalPath, ...], BeforeValidator(split)]
UpperCase = BeforeValidator(_upper)


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
        return f"{variable}={redacted(values[variable])!r}: {expected}"

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
