"""Which backend BACKEND_TYPE and DEVICE_CATEGORY ask for."""

import os
from collections.abc import Mapping
from typing import Any

from backend.errors import SettingsError
from backend.mindspore.runtime import Device
from backend.sedna.base import BackendBase
from backend.sedna.mindspore import MindSporeBackend
from backend.sedna.tinyms import TinyMSBackend

__all__ = ["BACKENDS", "set_backend"]

BACKENDS: Mapping[str, type[BackendBase]] = {
    "TINYMS": TinyMSBackend,
    "MINDSPORE": MindSporeBackend,
}
"""BACKEND_TYPE to backend."""


def set_backend(
    estimator: Any = None,
    config: Mapping[str, Any] | None = None,
    *,
    backends: Mapping[str, type[BackendBase]] = BACKENDS,
) -> BackendBase | None:
    """Wrap ``estimator`` in the backend that the environment, or else ``config``, names.

    Args:
        estimator: An estimator or a callable that makes one; None gives None, as in Sedna.
        config: Sedna's keys ``backend_type``, ``device_category``, ``model_url``,
            ``base_model_url`` and ``model_name``.
        backends: BACKEND_TYPE to backend.

    Raises:
        SettingsError: If BACKEND_TYPE or DEVICE_CATEGORY is not known.
    """
    if estimator is None:
        return None
    config = config or {}
    backend = _backend(os.getenv("BACKEND_TYPE") or config.get("backend_type") or "", backends)
    device = Device.parse(
        os.getenv("DEVICE_CATEGORY") or config.get("device_category") or Device.CPU
    )
    return backend(
        estimator=estimator,
        use_cuda=device is Device.GPU,
        use_npu=device is Device.NPU,
        model_save_path=config.get("base_model_url") or config.get("model_url"),
        model_name=config.get("model_name"),
    )


def _backend(name: str, backends: Mapping[str, type[BackendBase]]) -> type[BackendBase]:
    try:
        return backends[name.strip().upper()]
    except KeyError:
        known = ", ".join(backends)
        raise SettingsError(
            f"BACKEND_TYPE={name!r} is not known: set it to one of {known}."
        ) from None
