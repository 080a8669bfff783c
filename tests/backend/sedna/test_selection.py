import subprocess
import sys

import pytest

from backend import BackendBase, MindSporeBackend, TinyMSBackend, set_backend
from backend.classifier import TinyMSClassifier
from backend.errors import SettingsError
from backend.mindspore.runtime import Device

CLASSES = ("croissant", "dog")
IMPORTS_NO_FRAMEWORK = """
import sys
import backend, backend.sedna.base, backend.sedna.mindspore, backend.sedna.tinyms
import backend.convert
import backend.classifier
from backend.classifier import MindSporeClassifier, TinyMSClassifier

estimator = TinyMSClassifier(["croissant", "dog"], 32)
backend.TinyMSBackend(estimator, use_npu=True)
sys.exit(", ".join({"mindspore", "tinyms", "onnx"} & sys.modules.keys()) or 0)
"""


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BACKEND_TYPE", "DEVICE_CATEGORY", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)


def wrapped(**config: str) -> BackendBase:
    backend = set_backend(TinyMSClassifier(CLASSES, 32), {"backend_type": "TINYMS", **config})
    assert backend is not None
    return backend


@pytest.mark.parametrize(
    ("name", "expected"),
    [("TINYMS", TinyMSBackend), ("tinyms", TinyMSBackend), ("MINDSPORE", MindSporeBackend)],
)
def test_backend_type_decides(
    monkeypatch: pytest.MonkeyPatch, name: str, expected: type[BackendBase]
) -> None:
    monkeypatch.setenv("BACKEND_TYPE", name)
    assert type(set_backend(TinyMSClassifier(CLASSES, 32))) is expected


def test_the_environment_outranks_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKEND_TYPE", "MINDSPORE")
    monkeypatch.setenv("DEVICE_CATEGORY", "GPU")
    backend = wrapped(device_category="NPU")
    assert type(backend) is MindSporeBackend
    assert backend.device is Device.GPU


@pytest.mark.parametrize("name", ["TORCH", "", "TINYMS2"])
def test_an_unknown_backend_type_lists_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("BACKEND_TYPE", name)
    with pytest.raises(SettingsError, match="TINYMS, MINDSPORE") as caught:
        set_backend(TinyMSClassifier(CLASSES, 32))
    assert f"BACKEND_TYPE={name!r}" in str(caught.value)


def test_an_unknown_device_category_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"DEVICE_CATEGORY='TPU'.*CPU, GPU, NPU, ASCEND"):
        wrapped(device_category="TPU")


@pytest.mark.parametrize("category", ["NPU", "ASCEND", "ascend"])
def test_ascend_is_reached_unlike_with_sednas_set_backend(
    monkeypatch: pytest.MonkeyPatch, category: str
) -> None:
    monkeypatch.setenv("DEVICE_CATEGORY", category)
    backend = wrapped()
    assert backend.use_npu
    assert not backend.use_cuda
    assert backend.device is backend.estimator.device is Device.NPU


@pytest.mark.parametrize(("category", "use_cuda"), [("GPU", True), ("CPU", False)])
def test_device_category_decides_and_not_cuda_visible_devices_as_in_sedna(
    monkeypatch: pytest.MonkeyPatch, category: str, use_cuda: bool
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    backend = wrapped(device_category=category)
    assert backend.use_cuda is use_cuda
    assert not backend.use_npu


@pytest.mark.usefixtures("mindspore")
@pytest.mark.parametrize("backend_type", ["TINYMS", "MINDSPORE"])
def test_an_estimator_that_a_callable_makes_gets_the_device(
    monkeypatch: pytest.MonkeyPatch, backend_type: str
) -> None:
    prepared: list[Device] = []
    monkeypatch.setattr("backend.sedna.mindspore.prepare_mindspore", prepared.append)
    config = {"backend_type": backend_type, "device_category": "ASCEND"}
    backend = set_backend(lambda: TinyMSClassifier(CLASSES, 32), config)
    assert backend is not None
    assert backend.estimator.device is Device.NPU
    assert prepared == [Device.NPU]


def test_the_base_model_is_where_training_starts() -> None:
    config = {"model_url": "/out", "base_model_url": "/base/model.ckpt", "model_name": "new.ckpt"}
    backend = wrapped(**config)
    assert backend.model_save_path == "/base/model.ckpt"
    assert backend.model_name == "new.ckpt"
    assert wrapped(model_url="/out").model_save_path == "/out"


def test_the_default_model_name_is_a_checkpoint_of_the_backend() -> None:
    assert wrapped().model_name == "model_finetune_tinyms.ckpt"
    assert wrapped(backend_type="MINDSPORE").model_name == "model_finetune_mindspore.ckpt"


def test_without_an_estimator_there_is_no_backend() -> None:
    assert set_backend(None, {"backend_type": "TINYMS"}) is None


def test_importing_and_wrapping_imports_no_framework() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS_NO_FRAMEWORK], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
