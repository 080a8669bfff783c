"""Sedna's backends for TinyMS and MindSpore, and everything about the model itself.

Importing this package imports neither framework.
"""

from backend.base import BackendBase
from backend.mindspore import MindSporeBackend
from backend.sedna import register_with_sedna
from backend.selection import BACKENDS, set_backend
from backend.tinyms import TinyMSBackend

__all__ = [
    "BACKENDS",
    "BackendBase",
    "MindSporeBackend",
    "TinyMSBackend",
    "register_with_sedna",
    "set_backend",
]
