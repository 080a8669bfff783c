"""Lets TinyMS 0.3.2, written for MindSpore 1.x, import and run on MindSpore 2.10.

The only place that touches private names. It adds what MindSpore has moved or dropped and
replaces nothing that exists.
"""

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from backend.errors import MissingPackageError

__all__ = ["install"]

_MOVED = {
    "mindspore.dataset.vision.c_transforms": "mindspore.dataset.vision",
    "mindspore.dataset.vision.py_transforms": "mindspore.dataset.vision",
    "mindspore.dataset.transforms.c_transforms": "mindspore.dataset.transforms",
    "mindspore.dataset.transforms.py_transforms": "mindspore.dataset.transforms",
}
"""The modules of MindSpore 1.x, and where their transforms are now."""

_DROPPED = ("SoftDvppDecodeRandomCropResizeJpeg", "SoftDvppDecodeResizeJpeg")
"""Ascend transforms that TinyMS lists in its public names and never uses itself."""

_UNUSED = (
    "gensim",
    "matplotlib",
    "matplotlib.pyplot",
    "requests",
    "scipy.stats",
    "sklearn.metrics",
    "wget",
)
"""What TinyMS imports on the way to its classifiers, which never use it.

The lock files leave most of it out; where it is installed it would cost more than a second of
each start.
"""

_PACKAGES = {"sklearn": "scikit-learn"}
"""Names on the package index that differ from the module's."""

_IMPORTERS = ("tinyms.data", "tinyms.metrics", "tinyms.model", "tinyms.vision")
"""The modules of TinyMS that import what is unused."""


class _Placeholder(ModuleType):
    """Stands for a module, and for all in it, until it is called."""

    def __getattr__(self, name: str) -> "_Placeholder":
        if name.startswith("__"):
            raise AttributeError(name)
        return _Placeholder(f"{self.__name__}.{name}")

    def __call__(self, *args: object, **kwargs: object) -> object:
        try:
            meant = pkgutil.resolve_name(self.__name__)
        except ModuleNotFoundError as error:
            module = self.__name__.partition(".")[0]
            package = _PACKAGES.get(module, module)
            raise MissingPackageError(
                f"TinyMS calls {self.__name__} here, which is not installed: "
                f"`pip install {package}` where it is needed."
            ) from error
        return meant(*args, **kwargs)


def install() -> None:
    """Add the missing modules and names, and import TinyMS. Calling it again changes nothing.

    MindSpore must be prepared before (`backend.mindspore.runtime.prepare_mindspore`).
    """
    _add_checkers()
    for old_name, new_name in _MOVED.items():
        if not _importable(old_name):
            sys.modules[old_name] = _alias(old_name, importlib.import_module(new_name))
    with _placeholders():
        for name in _IMPORTERS:
            importlib.import_module(name)


@contextmanager
def _placeholders() -> Iterator[None]:
    standing = {name: _Placeholder(name) for name in _UNUSED if name not in sys.modules}
    sys.modules.update(standing)
    try:
        yield
    finally:
        for name in standing:
            del sys.modules[name]


def _add_checkers() -> None:
    """MindSpore 2 has the methods of `Validator` and `Rel` as plain functions and constants."""
    checkparam = importlib.import_module("mindspore._checkparam")
    for name in ("Validator", "Rel"):
        if not hasattr(checkparam, name):
            setattr(checkparam, name, checkparam)


def _importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True


def _alias(name: str, target: ModuleType) -> ModuleType:
    alias = ModuleType(name, f"What was here in MindSpore 1.x; now in {target.__name__}.")
    names = [each for each in dir(target) if not each.startswith("_")]
    vars(alias).update({each: getattr(target, each) for each in names})
    for dropped in _DROPPED:
        vars(alias).setdefault(dropped, _dropped(dropped))
    vars(alias)["__all__"] = [*names, *_DROPPED]
    return alias


def _dropped(name: str) -> type:
    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError(f"MindSpore 2 has no {name}: use Decode and Resize.")

    return type(name, (), {"__new__": refuse, "__doc__": "No longer part of MindSpore."})
