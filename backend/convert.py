"""``python -m backend.convert SOURCE TARGET``: bring a network's weights from anywhere.

Reads ``.ckpt``, ``.npz``, ``.onnx`` and ``.safetensors`` in TinyMS's, MindCV's, torchvision's or
timm's layout; writes ``.ckpt``, ``.npz`` or ``.onnx``.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from backend.classifier import TinyMSClassifier
from backend.errors import ProjectError, SettingsError
from backend.models.layouts import to_layout
from backend.models.weights import read_weights
from backend.networks import BUILT_IN, DEFAULT_NETWORK, find_network

__all__ = ["convert", "main"]

_TWO_CLASSES = ("0", "1")

_log = logging.getLogger(__name__)


def convert(
    source: Path,
    target: Path,
    *,
    classes: int | Sequence[str] | None = None,
    input_size: int | None = None,
    network: str | None = None,
) -> None:
    """Write the model in ``source`` to ``target``.

    Args:
        source: A ``.ckpt``, ``.npz``, ``.onnx`` or ``.safetensors`` file.
        target: A ``.ckpt``, ``.npz`` or ``.onnx`` file.
        classes: How many classes, or their names. Another number than the source's gives a
            new, untrained head. By default the source's; classes without names are numbered.
        input_size: Side of the input in pixels; by default the source's own, or the network's.
        network: Its name, see `backend.networks.find_network`; by default the source's own, or
            the default network.

    Raises:
        ModelFileError: If the source is of another network or a suffix is not known.
        SettingsError: If the classes, the input size or the network do not fit.
    """
    weights, card = read_weights(source)
    network = network or (card and card.network) or DEFAULT_NETWORK
    if input_size is None and card:
        input_size = card.input_size
    head = find_network(network).head
    probe = TinyMSClassifier(_TWO_CLASSES, input_size, network=network)
    weights = to_layout(weights, probe.shapes, head, str(source))
    counted = weights.get(f"{head}.weight", ())
    given = card.class_names if card else len(counted)
    if not given and classes is None:
        raise SettingsError(f"classes: {source} has no head to count them by: name them.")
    names = _names(classes, given)
    estimator = TinyMSClassifier(names, input_size, network=network)
    estimator.take_weights(weights, card, str(source))
    estimator.save(target)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m backend.convert", description=__doc__)
    parser.add_argument("source", type=Path, metavar="SOURCE")
    parser.add_argument("target", type=Path, metavar="TARGET")
    parser.add_argument(
        "--classes",
        type=_classes,
        metavar="N",
        help="how many, or their names with commas; another number gives a new head",
    )
    parser.add_argument(
        "--network",
        metavar="NAME",
        help=f"{', '.join(BUILT_IN)} or package.module:factory; default: the source's, or "
        f"{DEFAULT_NETWORK}",
    )
    parser.add_argument("--input-size", type=int, metavar="PIXELS", help="default: the source's")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        convert(
            options.source,
            options.target,
            classes=options.classes,
            input_size=options.input_size,
            network=options.network,
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
    return int(text) if text.isdigit() else [name.strip() for name in text.split(",")]


def _names(classes: int | Sequence[str] | None, given: int | Sequence[str]) -> Sequence[str]:
    """Return the target's class names, for what is wanted and what the source is of."""
    if classes is None or (not isinstance(given, int) and classes == len(given)):
        classes = given
    return [str(number) for number in range(classes)] if isinstance(classes, int) else classes


if __name__ == "__main__":
    sys.exit(main())
