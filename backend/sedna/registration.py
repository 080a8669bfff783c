"""Teaches an installed, unpatched Sedna SDK this project's backends.

The SDK is kubeedge/sedna's ``lib`` folder; the ``sedna`` of the package index is another project.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from backend.errors import MissingPackageError
from backend.models.model_file import SUFFIXES, content_suffix
from backend.sedna import federated, joint_inference
from backend.sedna.base import BackendBase
from backend.sedna.selection import BACKENDS, set_backend

__all__ = ["register_with_sedna"]

SetBackend = Callable[[Any, Any], Any]


def register_with_sedna() -> None:
    """Let this process's Sedna SDK accept BACKEND_TYPE=TINYMS and use the finished MINDSPORE.

    DEVICE_CATEGORY (CPU, GPU, NPU or ASCEND) decides where the two compute, and training starts
    from BASE_MODEL_URL. Every other BACKEND_TYPE is still Sedna's own. Of federated learning and
    joint inference it also puts right what docs/sedna-sdk.md lists. Call it before a job or an
    aggregation server is made; calling it again changes nothing.

    Raises MissingPackageError where no Sedna SDK can be imported.
    """
    try:
        from sedna import backend as sedna_backend  # noqa: PLC0415
        from sedna.backend.base import BackendBase as SednaBackendBase  # noqa: PLC0415
        from sedna.common.config import BaseConfig  # noqa: PLC0415
    except ImportError as error:
        raise MissingPackageError(
            f"No Sedna SDK can be imported ({error}): put the lib folder of kubeedge/sedna on "
            "PYTHONPATH and `pip install -r requirements/sedna.txt`."
        ) from error
    original = sedna_backend.set_backend
    if not isinstance(original, _SetBackend):
        backends = {name: _derive(each, SednaBackendBase) for name, each in BACKENDS.items()}
        _replace(original, _SetBackend(original, backends, SednaBackendBase, BaseConfig))
        for paradigm in (federated, joint_inference):
            # What misses a package here cannot be used here.
            with suppress(ImportError):
                paradigm.register()


@dataclass(frozen=True)
class _SetBackend:
    """Takes the place of Sedna's ``set_backend``."""

    original: SetBackend
    backends: Mapping[str, type[BackendBase]]
    plain_backend: type[Any]
    default_config: Callable[[], Any]

    def __call__(self, estimator: Any = None, config: Any = None) -> Any:
        config = self.default_config() if config is None else config
        name = os.getenv("BACKEND_TYPE") or config.get("backend_type")
        if str(name).strip().upper() not in self.backends:
            return self.original(estimator, config)
        if type(estimator).__module__.startswith("sedna."):
            # Lifelong learning wraps its own objects, which are not a framework's estimators.
            return self.plain_backend(estimator, model_save_path=config.get("model_url"))
        return set_backend(estimator, _settings(config), backends=self.backends)


class _SednaFiles(BackendBase):
    """Models where Sedna's SDK keeps them, and under the names that it gives them."""

    def save(self, model_url: str = "", model_name: str | None = None) -> str:
        from sedna.common.file_ops import FileOps  # noqa: PLC0415

        if not FileOps.is_remote(model_url):
            return super().save(model_url, model_name)
        with tempfile.TemporaryDirectory() as folder:
            path = super().save(str(Path(folder, PurePosixPath(model_url).name)))
            FileOps.upload(path, model_url)
        return model_url

    def load(self, model_url: str = "", model_name: str | None = None, **_: Any) -> None:
        super().load(self._local(model_url or self.model_save_path), model_name)

    def _local(self, model_url: str) -> str:
        """Return a file of this machine whose suffix is that of its format."""
        from sedna.common.file_ops import FileOps  # noqa: PLC0415

        path = Path(model_url)
        if FileOps.is_remote(model_url):
            # It stays: an ONNX model is read again when it is trained on.
            path = Path(tempfile.mkdtemp(), PurePosixPath(model_url).name)
            FileOps.download(model_url, str(path))
        suffix = content_suffix(path)
        if not path.is_file() or path.suffix in {*SUFFIXES, suffix}:
            return str(path)
        link = Path(tempfile.mkdtemp(), path.name + suffix)
        link.symlink_to(path.absolute())
        return str(link)


def _derive(backend: type[BackendBase], sedna_base: type[Any]) -> type[BackendBase]:
    """Make the backend one of Sedna's, with whatever else Sedna's base class offers."""
    return type(backend.__name__, (_SednaFiles, backend, sedna_base), {"__doc__": backend.__doc__})


def _settings(config: Any) -> dict[str, Any]:
    names = ("backend_type", "device_category", "model_url", "model_name")
    settings = {name: config.get(name) for name in names}
    # Sedna's configuration does not know the base model.
    return settings | {"base_model_url": os.getenv("BASE_MODEL_URL")}


def _replace(original: SetBackend, replacement: SetBackend) -> None:
    """Also in the modules of the SDK that have imported it by name already."""
    for name, module in list(sys.modules.items()):
        if name.startswith("sedna.") and getattr(module, "set_backend", None) is original:
            vars(module)["set_backend"] = replacement
