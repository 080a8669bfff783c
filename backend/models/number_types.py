"""The number types of weights in files, as float32."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["to_float32"]

_BFLOAT16 = "bf16"
_DTYPES = {
    **{f"f{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
    **{f"{kind}{bits}": f"<{kind}{bits // 8}" for kind in "iu" for bits in (8, 16, 32, 64)},
    "bool": "?",
}


def to_float32(content: bytes, kind: str) -> NDArray[np.float32]:
    """Return little-endian numbers as a flat array of float32.

    Args:
        content: The numbers.
        kind: Their type, as MindSpore (``BFloat16``) or safetensors (``BF16``) calls it.

    Raises:
        ValueError: If the type is not supported, such as float8, or the content is incomplete.
    """
    name = kind.lower().replace("float", "f").replace("uint", "u").replace("int", "i")
    if name == _BFLOAT16:
        # The upper half of a float32.
        return (np.frombuffer(content, "<u2").astype(np.uint32) << 16).view(np.float32)
    if name not in _DTYPES:
        raise ValueError(f"numbers of type {kind} are not supported: save them as float32")
    return np.frombuffer(content, _DTYPES[name]).astype(np.float32)
