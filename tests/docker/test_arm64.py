"""The images for arm64, where this machine is one or emulates it: a tenth of the speed."""

import pytest

from tests.docker.conftest import Images, named_images
from tests.docker.test_images import (
    edge,
    test_a_round_trains_and_evaluates,
    test_an_image_is_no_larger_than_promised,
    test_the_inference_image_answers_and_ends_cleanly_on_sigterm,
    test_the_inference_image_applies_a_hot_update,
)

__all__ = [
    "edge",
    "test_a_round_trains_and_evaluates",
    "test_an_image_is_no_larger_than_promised",
    "test_the_inference_image_answers_and_ends_cleanly_on_sigterm",
    "test_the_inference_image_applies_a_hot_update",
]


@pytest.fixture(scope="session")
def images() -> Images:
    """The images for arm64."""
    return named_images("IMAGES_ARM64_TAG")


def test_it_is_for_arm64_and_trains_with_the_kernels_of_mindspore(images: Images) -> None:
    script = (
        "import platform\n"
        "from backend.mindspore.kernels.library import library\n"
        "print(platform.machine(), library())"
    )
    assert images.python("train", script).split() == ["aarch64", "None"]
