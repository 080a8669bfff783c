import os
import sys
from types import ModuleType

import pytest

from backend.errors import MissingPackageError, SettingsError
from backend.mindspore.runtime import Device, prepare_mindspore


@pytest.mark.parametrize(
    ("category", "device", "target"),
    [
        ("CPU", Device.CPU, "CPU"),
        ("GPU", Device.GPU, "GPU"),
        ("NPU", Device.NPU, "Ascend"),
        ("ASCEND", Device.NPU, "Ascend"),
        (" ascend\n", Device.NPU, "Ascend"),
        ("cpu", Device.CPU, "CPU"),
    ],
)
def test_device_category_names_the_device(category: str, device: Device, target: str) -> None:
    assert Device.parse(category) is device
    assert device.target == target


@pytest.mark.parametrize("category", ["TPU", "", "CUDA"])
def test_an_unknown_device_category_lists_the_known_ones(category: str) -> None:
    with pytest.raises(SettingsError, match="CPU, GPU, NPU, ASCEND") as caught:
        Device.parse(category)
    assert f"DEVICE_CATEGORY={category!r}" in str(caught.value)


def test_mindspore_computes_on_the_device_that_is_named(mindspore: ModuleType) -> None:
    prepare_mindspore(Device.CPU)
    prepare_mindspore()
    assert mindspore.get_context("device_target") == "CPU"


def test_a_missing_mindspore_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mindspore", None)
    with pytest.raises(MissingPackageError, match="train image"):
        prepare_mindspore(Device.CPU)


def test_the_users_log_level_stays(mindspore: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOG_v", "1")
    prepare_mindspore()
    assert os.environ["GLOG_v"] == "1"  # noqa: SIM112 - MindSpore's name
