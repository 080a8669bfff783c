import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.resources.loader import load_job
from tests.manifests.reading import (
    ASCEND,
    HTTP,
    MANIFESTS,
    ROOT,
    documents,
    kustomized,
    sorted_documents,
)
from workers.http.settings import HttpSettings

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl here")

DEVICE = "huawei.com/Ascend310P"
KUBECTL = """#!/bin/sh
case "$1" in
kustomize) exec {kubectl} "$@" ;;
apply) cat >"{applied}" ;;
esac
"""


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


def deployed(tmp_path: Path, *variables: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run `make deploy` with a kubectl that keeps what it is to apply."""
    kubectl, applied = tmp_path / "bin" / "kubectl", tmp_path / "applied.yaml"
    kubectl.parent.mkdir()
    kubectl.write_text(KUBECTL.format(kubectl=shutil.which("kubectl"), applied=applied))
    kubectl.chmod(0o755)
    environment = {**os.environ, "PATH": f"{kubectl.parent}:{os.environ['PATH']}"}
    command = ["make", "--no-print-directory", "-C", str(ROOT), "deploy", *variables]
    made = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return made, applied


def test_make_deploy_sets_node_images_paths_and_thresholds(tmp_path: Path) -> None:
    made, applied = deployed(
        tmp_path, "EDGE_NODE=lamp-7", "REGISTRY=images.example/team", "TAG=9.9", "DATA=/srv/shop",
        "TRAIN_SAMPLES=50", "DEPLOY_GAIN=0.1",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    text = applied.read_text()
    job = load_job([applied])
    assert job.dataset.spec.node_name == "lamp-7"
    assert "edge-node" not in text
    assert "/data/dog-croissants" not in text
    images = [line.split()[-1] for line in text.splitlines() if " image: " in line]
    assert set(images) == {
        f"images.example/team/sedna-tinyms/{worker}:9.9" for worker in ("train", "eval", "infer")
    }
    spec = job.job.spec
    assert spec.train_spec.trigger.condition.threshold == 50
    assert spec.deploy_spec.trigger.condition.threshold == 0.1


def test_make_deploy_needs_a_node(tmp_path: Path) -> None:
    made, applied = deployed(tmp_path)
    assert made.returncode != 0
    assert "name the node that holds the samples" in made.stderr
    assert not applied.exists()
