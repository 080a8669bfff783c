import importlib
import subprocess
import sys
from types import ModuleType

import pytest

from backend.mindspore import tinyms_compat

MODULES = (
    "app",
    "callbacks",
    "data",
    "hub",
    "layers",
    "losses",
    "metrics",
    "model",
    "optimizers",
    "text",
    "vision",
)
MOVED = {
    "mindspore.dataset.vision.c_transforms": "mindspore.dataset.vision",
    "mindspore.dataset.vision.py_transforms": "mindspore.dataset.vision",
    "mindspore.dataset.transforms.c_transforms": "mindspore.dataset.transforms",
    "mindspore.dataset.transforms.py_transforms": "mindspore.dataset.transforms",
}
CHANGES_NOTHING = """
import importlib, sys
from backend.mindspore import tinyms_compat
from backend.mindspore.runtime import prepare_mindspore

prepare_mindspore()
names = ["mindspore._checkparam", "mindspore.dataset.vision", "mindspore.dataset.transforms"]
modules = [importlib.import_module(name) for name in names]
before = [dict(vars(module)) for module in modules]
tinyms_compat.install()
changed = [
    key
    for module, old in zip(modules, before)
    for key, value in old.items()
    if vars(module)[key] is not value
]
sys.exit(f"changed: {changed}" if changed else 0)
"""


@pytest.mark.parametrize("name", MODULES)
def test_a_tinyms_module_imports(mindspore: ModuleType, name: str) -> None:
    assert importlib.import_module(f"tinyms.{name}").__name__ == f"tinyms.{name}"


def test_tinyms_serving_lacks_nothing_but_flask(mindspore: ModuleType) -> None:
    try:
        importlib.import_module("tinyms.serving")
    except ModuleNotFoundError as error:
        assert error.name == "flask"  # noqa: PT017 - importing may also succeed


def test_names_that_existed_are_untouched() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHANGES_NOTHING],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_installing_again_changes_nothing(mindspore: ModuleType) -> None:
    checkparam = importlib.import_module("mindspore._checkparam")
    before = [sys.modules[name] for name in MOVED]
    validator = checkparam.Validator
    tinyms_compat.install()
    assert [sys.modules[name] for name in MOVED] == before
    assert checkparam.Validator is validator


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_a_moved_module_has_the_transforms_of_its_successor(
    mindspore: ModuleType, old: str, new: str
) -> None:
    successor = importlib.import_module(new)
    alias = importlib.import_module(old)
    public = [name for name in dir(successor) if not name.startswith("_")]
    assert public
    assert all(getattr(alias, name) is getattr(successor, name) for name in public)
    assert set(alias.__all__) >= set(public)


def test_a_dropped_transform_says_what_to_use(mindspore: ModuleType) -> None:
    transforms = importlib.import_module("mindspore.dataset.vision.c_transforms")
    with pytest.raises(NotImplementedError, match="use Decode and Resize"):
        transforms.SoftDvppDecodeResizeJpeg((224, 224))


# Hides what an image leaves out, as if it were not installed.
LEFT_OUT = """
import sys
from importlib.abc import MetaPathFinder


class Hide(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"gensim", "matplotlib", "sklearn", "wget"} or (
            name == "scipy.stats"
        ):
            raise ModuleNotFoundError(name, name=name)


sys.meta_path.insert(0, Hide())
from backend.mindspore import tinyms_compat
from backend.errors import MissingPackageError
from backend.mindspore.runtime import prepare_mindspore

prepare_mindspore()
tinyms_compat.install()
from tinyms import vision
from tinyms.data import utils
import tinyms.metrics
import tinyms.model

tinyms.model.MobileNetV2(class_num=2)
alexnet = sys.modules["tinyms.model.alexnet"]

for use in (
    lambda: vision.view.plt.figure(figsize=(1, 1)),
    lambda: utils.wget.download("url"),
    lambda: alexnet.truncnorm.rvs(0, 1),
    lambda: tinyms.metrics.roc_auc_score([0, 1], [0, 1]),
):
    try:
        use()
    except MissingPackageError as error:
        print(error)
"""


def test_tinyms_needs_what_mobilenetv2_does_not_use_only_when_it_is_used() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LEFT_OUT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert len(told) == 4
    for line, (name, package) in zip(
        told,
        [
            ("pyplot.figure", "matplotlib"),
            ("wget.download", "wget"),
            ("truncnorm.rvs", "scipy"),
            ("roc_auc_score", "scikit-learn"),
        ],
        strict=True,
    ):
        assert name in line
        assert f"`pip install {package}`" in line


INSTALLED = """
import sys
from backend.mindspore import tinyms_compat
from backend.mindspore.runtime import prepare_mindspore

prepare_mindspore()
tinyms_compat.install()
imported = {name for name in sys.modules if name in tinyms_compat._UNUSED}
assert not imported, imported

import matplotlib.pyplot
from matplotlib.figure import Figure
from tinyms import vision

assert isinstance(vision.view.plt.figure(figsize=(1, 1)), Figure)
assert -1 < sys.modules["tinyms.model.alexnet"].truncnorm.rvs(-1, 1) < 1
"""


def test_what_is_installed_is_imported_when_tinyms_or_another_uses_it() -> None:
    command = [sys.executable, "-W", "ignore", "-c", INSTALLED]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
