"""``python -m backend.models.convert SOURCE TARGET``: bring MobileNetV2 weights from anywhere.

Reads ``.ckpt``, ``.npz``, ``.onnx`` and ``.safetensors`` in TinyMS's, MindCV's or torchvision's
layout; writes ``.ckpt``, ``.npz`` or ``.onnx``.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from backend.classifier import TinyMSMobileNetV2
from backend.errors import ProjectError
from backend.models.layouts import class_count, to_tinyms_layout
from backend.models.weights import read_weights

__all__ = ["convert", "main"]

_log = logging.getLogger(__name__)


def convert(
    source: Path,
    target: Path,
    *,
    classes: int | Sequence[str] | None = None,
    input_size: int | None = None,
) -> None:
    """Write the model in ``source`` to ``target``.

    Args:
        source: A ``.ckpt``, ``.npz``, ``.onnx`` or ``.safetensors`` file.
        target: A ``.ckpt``, ``.npz`` or ``.onnx`` file.
        classes: How many classes, or their names. Another number than the source's gives a
            new, untrained head. By default the source's; classes without names are numbered.
        input_size: Side of the input in pixels, a multiple of 32; by default the source's
            own, or 224.

    Raises:
        ModelFileError: If the source is no MobileNetV2 1.0 or a suffix is not known.
    """
    weights, card = read_weights(source)
    weights = to_tinyms_layout(weights, str(source))
    names = _names(classes, card.class_names if card else class_count(weights))
    estimator = TinyMSMobileNetV2(names, input_size or (card.input_size if card else 224))
    estimator.take_weights(weights, card, str(source))
    estimator.save(target)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m backend.models.convert", description=__doc__)
    parser.add_argument("source", type=Path, metavar="SOURCE")
    parser.add_argument("target", type=Path, metavar="TARGET")
    parser.add_argument(
        "--classes",
        type=_classes,
        metavar="N",
        help="how many, or their names with commas; another number gives a new head",
    )
    parser.add_argument("--input-size", type=int, metavar="PIXELS", help="default: the source's")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        convert(
            options.source, options.target, classes=options.classes, input_size=options.input_size
        )
    except ProjectError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    except OSError as error:
        sys.stderr.write(f"{options.target}: cannot be written ({error.strerror}).\n")
        return ProjectError.exit_status
    _log.info("%s: written", options.target)
    return 0


def _classes(text: str) -> int | list[str]:
    return int(text) if text.isdigit() else text.split(",")


def _names(classes: int | Sequence[str] | None, given: int | Sequence[str]) -> Sequence[str]:
    """Return the target's class names, for what is wanted and what the source is of."""
    if classes is None or (not isinstance(given, int) and classes == len(given)):
        classes = given
    return [str(number) for number in range(classes)] if isinstance(classes, int) else classes


if __name__ == "__main__":
    sys.exit(main())
