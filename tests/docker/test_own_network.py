"""The example of a network of one's own, in images that are built on the workers'."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.docker.conftest import Images, open_to_workers, run

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_network"

TRAINS = """
import numpy as np
from backend.classifier import TinyMSClassifier
from backend.images.preprocessing import LabelledImages

pixels = np.random.default_rng(0).integers(0, 256, (16, 64, 64, 3), np.uint8)
model = TinyMSClassifier(("dark", "bright"), network="small_network:small")
model.train(LabelledImages(list(pixels), [0, 1] * 8), epochs=1)
model.save("/models/model.onnx")
"""

ANSWERS = """
import numpy as np
from backend.classifier import TinyMSClassifier

model = TinyMSClassifier(("dark", "bright"), network="small_network:small")
model.load("/models/model.onnx")
(answer,) = model.predict([np.zeros((64, 64, 3), np.uint8)])
print(answer.label)
"""


@pytest.fixture
def own_images(images: Images) -> Iterator[Images]:
    """The train and the inference image with the example's network in it."""
    own = replace(images, tag=f"{images.tag}-own-network")
    engine = images.engine.name
    for worker in ("train", "infer"):
        base = f"--build-arg=IMAGE={images.name(worker)}"
        run([engine, "build", base, f"--tag={own.name(worker)}", str(EXAMPLE)])
    yield own
    run([engine, "image", "rm", own.name("train"), own.name("infer")])


@pytest.mark.timeout(300)
def test_it_is_trained_in_the_one_image_and_answers_in_the_other(
    own_images: Images, tmp_path: Path
) -> None:
    models = f"--volume={open_to_workers(tmp_path / 'models')}:/models"
    own_images.python("train", TRAINS, models)
    assert own_images.python("infer", ANSWERS, models).strip() in {"dark", "bright"}
