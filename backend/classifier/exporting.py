"""Exports a network to MINDIR. Imports MindSpore: the toolkit prepares it before."""

from pathlib import Path

import mindspore
import numpy as np

from backend.classifier.toolkit import Cell
from backend.files import replaced_atomically

__all__ = ["export_mindir"]


def export_mindir(network: Cell, input_size: int, path: Path) -> None:
    """Write ``network`` to ``path`` as MINDIR for one image at a time, whole or not at all."""
    network.set_train(False)
    example = mindspore.Tensor(np.zeros((1, 3, input_size, input_size), dtype=np.float32))
    with replaced_atomically(path) as temporary:
        mindspore.export(network, example, file_name=str(temporary), file_format="MINDIR")
