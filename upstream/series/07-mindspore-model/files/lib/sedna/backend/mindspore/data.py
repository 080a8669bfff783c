"""What the MindSpore backends exchange: metrics, weights and checkpoints."""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sedna.backend.mindspore.errors import ModelFileError

Metrics = dict[str, list[float]]
"""Metric name to values: a list, or the deploy trigger never fires."""

Weights = dict[str, NDArray[np.float32]]
"""Parameter name to value."""


def read_weights(path: Path) -> tuple[Weights, None]:
    """Return the float32 weights of a checkpoint, and None for its card.

    A card would describe the model; a plain checkpoint has none.
    Raises ModelFileError for a file that is missing or damaged.
    """
    import mindspore

    with tempfile.TemporaryDirectory() as folder:
        # MindSpore goes by the suffix; Sedna's jobs name models freely.
        link = Path(folder, "model.ckpt")
        link.symlink_to(path.absolute())
        try:
            parameters = mindspore.load_checkpoint(str(link))
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"{path}: MindSpore cannot load it as a checkpoint."
            ) from error
    values = {name: value.asnumpy() for name, value in parameters.items()}
    return {
        name: value.astype(np.float32) for name, value in values.items()
    }, None
