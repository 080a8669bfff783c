"""A train worker's environment with nothing wrong in it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.classifier import TinyMSMobileNetV2
from tests.e2e.conftest import BARE_ENVIRONMENT


@pytest.fixture(scope="module")
def base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base") / "base.ckpt"
    TinyMSMobileNetV2(("cat", "dog"), 32).save(path)
    return path


@pytest.fixture
def worker_environment(
    tmp_path: Path, base_model: Path, identity: dict[str, str]
) -> dict[str, str]:
    for number in range(4):
        pixels = np.full((40, 40, 3), 60 * number, dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    index = tmp_path / "index.txt"
    index.write_text("0.png cat\n1.png dog\n2.png cat\n3.png dog\n")
    return {
        **BARE_ENVIRONMENT,
        **identity,
        "BASE_MODEL_URL": str(base_model),
        "MODEL_URL": str(tmp_path / "out" / "1"),
        "TRAIN_DATASET_URL": str(index),
        "ORIGINAL_DATASET_URL": str(index),
        "class_names": "cat,dog",
        "input_shape": "32",
        "epochs": "1",
    }
