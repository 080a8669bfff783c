"""Which network the setting ``network`` means."""

import pkgutil
from dataclasses import replace
from functools import cache

from backend.errors import SettingsError
from backend.networks.alexnet import ALEXNET
from backend.networks.densenet100 import DENSENET100
from backend.networks.description import Network
from backend.networks.lenet5 import LENET5
from backend.networks.mobilenetv2 import MOBILENETV2
from backend.networks.resnet50 import RESNET50
from backend.networks.vgg16 import VGG16

__all__ = ["BUILT_IN", "DEFAULT_NETWORK", "find_network"]

DEFAULT_NETWORK = MOBILENETV2.name

BUILT_IN = {
    each.name: each for each in (MOBILENETV2, RESNET50, LENET5, ALEXNET, VGG16, DENSENET100)
}
"""Networks that come with the project, by name."""


@cache
def find_network(name: str) -> Network:
    """Return the network called ``name``.

    Args:
        name: Of a built-in network, or ``package.module:factory`` for a user's own: a `Network`,
            or a callable from class count to a cell, which then takes what a `Network` takes
            by default.

    Raises:
        SettingsError: If there is no such network.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    if ":" not in name:
        raise SettingsError(
            f"network={name}: it must be one of {', '.join(BUILT_IN)}, or package.module:factory."
        )
    try:
        found = pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingsError(
            f"network={name}: it cannot be imported ({error}): add its module to the image or to "
            "PYTHONPATH, and import frameworks inside the factory."
        ) from error
    if isinstance(found, Network):
        return replace(found, name=name)
    if callable(found):
        return Network(found, name=name)
    raise SettingsError(f"network={name}: it must be a Network or a callable from class count.")
