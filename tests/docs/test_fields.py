from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from docs.tools.fields import fields


class Part(BaseModel):
    """A part."""

    deep: int


class Whole(BaseModel):
    """A whole."""

    size: int = Field(ge=1, lt=9, description="How large, ``mm``.")
    colour: Literal["red", "blue"] = "red"
    parts: list[Part] = []
    file: Path | None = None
    names: tuple[str, ...] = ("a", "b")
    is_on: bool = False


def test_type_limits_default_and_meaning_of_each_field() -> None:
    told = {each.name: (each.type, each.default, each.is_required) for each in fields(Whole)}

    assert told == {
        "size": ("integer, ≥ 1, < 9", "", True),
        "colour": ("`red`, `blue`", "`red`", False),
        "parts": ("list of Part", "", False),
        "file": ("path", "", False),
        "names": ("list of text", "`a,b`", False),
        "is_on": ("true or false", "`false`", False),
    }
    assert fields(Whole)[0].description == "How large, `mm`."
