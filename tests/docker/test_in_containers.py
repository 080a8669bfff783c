"""A whole job of ``iljob run --in-containers``, from the manifests of this repository."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.dataset import append_samples
from demo.pictures import Light, render_folder
from tests.docker.conftest import Images, run

MANIFESTS = Path(__file__).parents[2] / "manifests"
QUICK = {"input_shape": "32,32", "epochs": "1", "report_margin_seconds": "0"}
SPECS = {"train": "trainSpec", "eval": "evalSpec", "infer": "deploySpec"}


def quick_job(images: Images, folder: Path) -> Path:
    """Write the manifests with these images, a small network and a round of 8 samples."""
    job = yaml.safe_load((MANIFESTS / "job.yaml").read_text())
    job["spec"]["trainSpec"]["trigger"]["condition"]["threshold"] = 8
    job["spec"]["deploySpec"]["trigger"]["condition"] |= {"operator": ">=", "threshold": -1.0}
    for worker, spec in SPECS.items():
        container: dict[str, Any] = job["spec"][spec]["template"]["spec"]["containers"][0]
        container["image"] = images.name(worker)
        kept = [variable for variable in container["env"] if variable["name"] not in QUICK]
        container["env"] = kept + [{"name": k, "value": v} for k, v in QUICK.items()]
    folder.mkdir()
    (folder / "job.yaml").write_text(yaml.safe_dump(job))
    for name in ("dataset.yaml", "models.yaml"):
        (folder / name).write_text((MANIFESTS / name).read_text())
    return folder


@pytest.mark.timeout(300)
def test_a_round_of_the_demos_job_is_deployed_by_hot_update(images: Images, tmp_path: Path) -> None:
    root = tmp_path / "node"
    data = root / "data" / "dog-croissants"
    for name in ("initial", "deploy"):
        (data / "models" / name).mkdir(parents=True)
        images.make_model(data / "models" / name, size=32)
    pictures = render_folder(tmp_path / "pictures", Light.DAY, 12, seed=0)
    append_samples(data / "dataset" / "index.txt", pictures)
    command = [sys.executable, "-m", "jobs", "run", str(quick_job(images, tmp_path / "manifests"))]
    options = [
        "--root",
        str(root),
        "--in-containers",
        "--engine",
        images.engine.name,
        "--rounds",
        "1",
    ]
    done = subprocess.run(
        [*command, *options, "--json"], capture_output=True, text=True, check=False
    )
    logs = "\n".join(log.read_text() for log in data.rglob("*.log"))
    assert done.returncode == 0, f"{done.stderr}\n{logs}"
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["outcome"] for e in events if e["event"] == "round"] == ["deployed"]
    assert "serving /model-hot-update/model.onnx" in logs
    left = run([images.engine.name, "ps", "--all", "--quiet", "--filter", "name=-worker-"])
    assert left == ""
