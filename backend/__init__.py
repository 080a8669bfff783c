"""Sedna's backends for TinyMS and MindSpore, and everything about the model itself.

Importing this package imports neither framework.
"""

from backend.sedna.base import BackendBase
from backend.sedna.mindspore import MindSporeBackend
from backend.sedna.registration import register_with_sedna
from backend.sedna.selection import BACKENDS, set_backend
from backend.sedna.tinyms import TinyMSBackend

__all__ = [
    "BACKENDS",
    "BackendBase",
    "MindSporeBackend",
    "TinyMSBackend",
    "register_with_sedna",
    "set_backend",
]
