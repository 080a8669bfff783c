"""``python -m demo.initial_model BACKEND_TYPE CLASSES SIZE INDEX EPOCHS TARGET...``.

The job's first model, in a process of its own, so that MindSpore's memory is free again when the
job runs.
"""

import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from backend.errors import PermanentError
from demo.setting import Setting
from workers.data.index_file import labelled_images, read_index
from workers.learning.estimators import ESTIMATORS

__all__ = ["train_initial_model"]


def train_initial_model(setting: Setting, index: Path, epochs: int) -> None:
    """Train a MobileNetV2 from scratch on the samples of ``index``, and deploy it.

    Raises PermanentError if the training fails.
    """
    network = [setting.backend_type, ",".join(setting.class_names), setting.input_size]
    arguments = [*network, index, epochs, setting.initial_model, setting.deployed_model]
    command = [sys.executable, "-m", __name__, *map(str, arguments)]
    if status := subprocess.run(command, check=False).returncode:
        raise PermanentError(f"The initial model's training ended with exit status {status}.")


def _main(arguments: Sequence[str]) -> None:
    backend_type, classes, size, index, epochs, *targets = arguments
    logging.basicConfig(level=logging.INFO, format="  %(message)s")
    class_names = classes.split(",")
    estimator = ESTIMATORS[backend_type](class_names, int(size))
    samples = read_index(Path(index), class_names)
    estimator.train(labelled_images(Path(index).parent, samples), epochs=int(epochs))
    for target in targets:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        estimator.save(target)


if __name__ == "__main__":
    _main(sys.argv[1:])
