"""TinyMS's own classifiers, which are MindSpore cells."""

from typing import Any

from backend.mindspore import tinyms_compat

__all__ = ["tinyms_cell"]


def tinyms_cell(name: str, class_count: int) -> Any:
    """Return ``tinyms.model``'s network of that name; MindSpore must be prepared before."""
    tinyms_compat.install()
    import tinyms.model  # noqa: PLC0415

    return getattr(tinyms.model, name)(class_num=class_count)
