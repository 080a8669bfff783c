"""Reads long arrays of numbers in a request's JSON piece by piece.

A parser in C holds the interpreter's lock until it has read the last number, and creates an object
for each: a body of 16 MiB would keep probes waiting for seconds and take a gigabyte.
"""

import json
import re
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from workers.http.refusals import RequestError, TooLargeError

__all__ = ["PLACEHOLDER", "without_numbers"]

PLACEHOLDER = "numbers"
"""The key of the object that replaces an array; its value is the array's position."""

_KEY = b'"data"'
_ARRAY = re.compile(rb'"data"[ \t\r\n]{0,99}:[ \t\r\n]{0,99}(?=\[)')
_OTHER = re.compile(rb"[^-+.0-9eE, \t\r\n\[\]]")
_FLAT = bytes.maketrans(b"[]", b"  ")
_SHORT = 4096
_PIECE = 64 * 1024
_LONGEST_NUMBER = 1024
_MOST_VALUES = 100_000


def without_numbers(text: bytes) -> tuple[bytes, list[NDArray[np.float32]]]:
    """Return a request's JSON with a placeholder for each long array, and the flat arrays.

    Raises RequestError for anything but numbers, and TooLargeError for more than 100,000 values
    outside the arrays, which are too many to read in one piece.
    """
    parts, arrays = [], list[NDArray[np.float32]]()
    position = 0
    found = text.find(_KEY)
    while found >= 0:
        start, end = _array(text, found)
        if end - start > _SHORT:
            parts += [text[position:start], b'{"%s":%d}' % (PLACEHOLDER.encode(), len(arrays))]
            arrays.append(_numbers(text, start, end))
            position = end
        found = text.find(_KEY, max(end, found + len(_KEY)))
    rest = b"".join([*parts, text[position:]])
    if sum(rest.count(mark) for mark in (b",", b"{", b"[")) > _MOST_VALUES:
        raise TooLargeError(
            f"The JSON has more than {_MOST_VALUES} values: send tensors as numbers or as binary."
        )
    return rest, arrays


def _array(text: bytes, key: int) -> tuple[int, int]:
    """Return where the array of numbers after a key begins and ends; equal if there is none."""
    match = _ARRAY.match(text, key)
    # The key of an array within a string has an escaped quote.
    if match is None or text[key - 1 : key] == b"\\":
        return key, key
    start = position = match.end()
    while position < len(text):
        if other := _OTHER.search(text, position, position + _PIECE):
            position = other.start()
            break
        position += _PIECE
    return start, text.rfind(b"]", start, position) + 1 or start


def _numbers(text: bytes, start: int, end: int) -> NDArray[np.float32]:
    pieces = []
    while start < end:
        comma = text.find(b",", start + _PIECE, start + _PIECE + _LONGEST_NUMBER)
        stop = end if comma < 0 or comma > end else comma
        pieces.append(_piece(text[start:stop]))
        start = stop + 1
    return np.concatenate(pieces)


def _piece(text: bytes) -> NDArray[np.float32]:
    if len(text) <= _PIECE + _LONGEST_NUMBER:
        with suppress(ValueError, OverflowError), np.errstate(over="ignore"):
            return np.array(json.loads(b"[%s]" % text.translate(_FLAT)), dtype=np.float32)
    raise RequestError("The request is wrong at data: it contains something other than numbers.")
