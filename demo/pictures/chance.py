"""Chance decides what a picture shows."""

import numpy as np

__all__ = ["chance"]


def chance(rng: np.random.Generator, probability: float) -> bool:
    """Return True with a probability from 0 to 1."""
    return bool(rng.random() < probability)
