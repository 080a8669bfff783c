"""What a training or an evaluation reports."""

__all__ = ["Metrics"]

Metrics = dict[str, list[float]]
"""Name to values: Sedna's LocalController never deploys on a bare number (0.9 instead of [0.9])."""
