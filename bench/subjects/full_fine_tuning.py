"""Images per second of the estimator's full fine-tuning, decoding and augmentation included."""

from collections.abc import Mapping
from statistics import median

from backend.classifier import TinyMSMobileNetV2
from backend.images.preprocessing import LabelledImages
from bench.answering import answer
from bench.dataset import CLASS_NAMES, INPUT_SIZE, in_index


def train(index: str, epochs: int, batch_size: int) -> Mapping[str, float]:
    """Train on an index whose length is a multiple of the batch size; the first epoch compiles."""
    paths, labels = in_index(index)
    estimator = TinyMSMobileNetV2(CLASS_NAMES, INPUT_SIZE)
    metrics = estimator.train(
        LabelledImages(paths, labels), epochs=epochs, batch_size=batch_size, fine_tune="full"
    )
    seconds = metrics["seconds"]
    return {"images_per_second": len(paths) / median(seconds[1:]), "first_epoch": seconds[0]}


if __name__ == "__main__":
    answer(train)
