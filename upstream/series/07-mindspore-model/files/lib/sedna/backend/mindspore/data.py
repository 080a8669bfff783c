"""What the MindSpore backends exchange: metrics, weights and checkpoints."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sedna.backend.mindspore.errors import ModelFileError

Metrics = dict[str, list[float]]
"""Metric name to values: a list, or the deploy trigger never fires."""

Weights = dict[str, NDArray[np.float32]]
"""Parameter name to value."""


@contextmanager
def replaced_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces ``path`` if the block succeeds.

    It is on the same file system, so a reader sees the old file or the new.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        temporary = Path(folder, path.name)
        yield temporary
        temporary.chmod(0o644)  # MindSpore lets only the owner read it
        temporary.replace(path)


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


def own_weights(
    weights: Weights, shapes: Mapping[str, tuple[int, ...]], origin: str
) -> Weights:
    """Return a network's weights without an optimizer's state.

    Raises ModelFileError if a parameter is missing or has another shape.
    """
    for name, shape in shapes.items():
        if name not in weights or weights[name].shape != shape:
            raise ModelFileError(
                f"{origin}: it does not contain {name} of shape {shape}."
            )
    return {name: weights[name] for name in shapes}
