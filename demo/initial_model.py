"""``python -m demo.initial_model INDEX CLASSES SIZE EPOCHS TARGET...``: the job's first model.

A process of its own, so that MindSpore's memory is free again when the job runs.
"""

import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from backend.errors import PermanentError
from backend.mobilenetv2 import TinyMSMobileNetV2
from workers.samples import labelled_images, read_index

__all__ = ["train_initial_model"]


def train_initial_model(
    index: Path, class_names: Sequence[str], input_size: int, epochs: int, targets: Sequence[Path]
) -> None:
    """Train a MobileNetV2 from scratch on the samples of ``index``; save it to each target.

    Raises PermanentError if the training fails.
    """
    arguments = [index, ",".join(class_names), input_size, epochs, *targets]
    command = [sys.executable, "-m", __name__, *map(str, arguments)]
    if status := subprocess.run(command, check=False).returncode:
        raise PermanentError(f"The initial model's training ended with exit status {status}.")


def _main(arguments: Sequence[str]) -> None:
    index, classes, size, epochs, *targets = arguments
    logging.basicConfig(level=logging.INFO, format="  %(message)s")
    class_names = classes.split(",")
    estimator = TinyMSMobileNetV2(class_names, int(size))
    samples = read_index(Path(index), class_names)
    estimator.train(labelled_images(Path(index).parent, samples), epochs=int(epochs))
    for target in targets:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        estimator.save(target)


if __name__ == "__main__":
    _main(sys.argv[1:])
