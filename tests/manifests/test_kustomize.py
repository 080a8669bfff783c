import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.resources.loader import load_job
from tests.manifests.reading import (
    ASCEND,
    HTTP,
    MANIFESTS,
    documents,
    kustomized,
    sorted_documents,
)
from workers.http.settings import HttpSettings

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl here")

DEVICE = "huawei.com/Ascend310P"


def differences(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each path at which ``other`` differs, and what it has there."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from differences(one.get(key), other.get(key), f"{path}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{path}.{index}")
    elif one != other:
        yield path, other


def test_kustomize_applies_what_the_folder_holds() -> None:
    key = ("kind", "metadata")
    own = sorted(documents(), key=lambda each: [str(each[name]) for name in key])
    base = sorted_documents(kustomized(MANIFESTS))
    assert sorted(base, key=lambda each: [str(each[name]) for name in key]) == own


def test_ascend_changes_device_image_and_format_and_nothing_else() -> None:
    base, ascend = sorted_documents(kustomized(MANIFESTS)), sorted_documents(kustomized(ASCEND))
    changed = list(differences(base, ascend))
    devices = [value for path, value in changed if path.endswith(f"limits.{DEVICE}")]
    images = [value for path, value in changed if path.endswith(".image")]
    formats = [value for path, value in changed if path.endswith(".format")]
    # A model's suffix is its format.
    files = [value for path, value in changed if path.endswith((".url", ".value"))]
    assert devices == ["1"] * 3
    assert {image.split(":")[0].removesuffix("-ascend") for image in images} == {
        f"sedna-tinyms/{worker}" for worker in ("train", "eval", "infer")
    }
    assert all("-ascend:" in image for image in images)
    assert formats == ["ckpt"]
    assert files == ["/data/dog-croissants/models/deploy/model.ckpt"] * 3
    assert len(changed) == len(devices) + len(images) + len(formats) + len(files)


def test_the_ascend_variant_is_right_for_the_strict_loader(tmp_path: Path) -> None:
    file = tmp_path / "ascend.yaml"
    file.write_text(kustomized(ASCEND))
    assert load_job([file]).deploy_model.spec.format == "ckpt"


def test_the_http_variant_adds_a_port_and_a_probe_of_it_and_nothing_else(tmp_path: Path) -> None:
    base, http = sorted_documents(kustomized(MANIFESTS)), sorted_documents(kustomized(HTTP))
    found = differences(base, http)
    changed = {path.partition(".spec.")[2]: value for path, value in found}
    probe = changed.pop("deploySpec.template.spec.containers.0.readinessProbe")
    env = changed.pop("deploySpec.template.spec.containers.0.env")
    assert changed == {}
    assert env[-1] == {"name": "http_port", "value": str(probe["httpGet"]["port"])}
    assert probe["httpGet"]["host"] == HttpSettings.model_fields["http_host"].default
    file = tmp_path / "http.yaml"
    file.write_text(kustomized(HTTP))
    load_job([file])
