"""Imports MindSpore with the settings it needs and chooses the device it computes on."""

import os
from enum import StrEnum

from backend.errors import MissingPackageError, SettingsError
from backend.mindspore.onednn import limit_isa

__all__ = ["Device", "prepare_mindspore"]


class Device(StrEnum):
    """Sedna's DEVICE_CATEGORY."""

    CPU = "CPU"
    GPU = "GPU"
    NPU = "NPU"

    @classmethod
    def parse(cls, category: str) -> "Device":
        """Return the device that DEVICE_CATEGORY names; ``ASCEND`` means NPU.

        Raises SettingsError for any other word.
        """
        name = category.strip().upper()
        if name == "ASCEND":
            return cls.NPU
        try:
            return cls(name)
        except ValueError:
            known = ", ".join([*cls, "ASCEND"])
            raise SettingsError(
                f"DEVICE_CATEGORY={category!r} is not known: set it to one of {known}."
            ) from None

    @property
    def target(self) -> str:
        """MindSpore's own name for the device."""
        return "Ascend" if self is Device.NPU else self.value


def prepare_mindspore(device: Device | None = None) -> None:
    """Import MindSpore, quiet and fast, and let it compute on ``device``, if one is named.

    The execution mode (graph or eager) is left to the caller.
    Raises MissingPackageError where MindSpore is not installed.
    """
    limit_isa()
    # MindSpore warns of its own deprecations on every call; errors are still logged.
    os.environ.setdefault("GLOG_v", "3")
    try:
        import mindspore  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "mindspore":
            raise
        raise MissingPackageError(
            "MindSpore is not installed here: use the train image or "
            "`pip install -r requirements/train.txt`; an .onnx model needs no MindSpore."
        ) from error
    # MindSpore refuses to set even the same device again once it has computed something.
    if device is not None and mindspore.get_context("device_target") != device.target:
        mindspore.set_device(device.target)
