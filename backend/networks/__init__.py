"""The networks: a small description of each, and which one a name means.

Nothing outside this package names a network. No framework is imported before one is built.
"""

from backend.images.preprocessing import GREY, IMAGENET, Normalisation
from backend.networks.description import FineTune, Network, Shortcuts
from backend.networks.registry import BUILT_IN, DEFAULT_NETWORK, find_network

__all__ = [
    "BUILT_IN",
    "DEFAULT_NETWORK",
    "GREY",
    "IMAGENET",
    "FineTune",
    "Network",
    "Normalisation",
    "Shortcuts",
    "find_network",
]
