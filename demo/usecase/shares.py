"""Shares of pictures and differences of them in words, with 95 % intervals."""

from scipy.stats import binomtest

from workers.judgement import Comparison, Share

__all__ = ["gain_words", "interval", "share_words"]


def interval(share: Share) -> tuple[float, float]:
    """Return the 95 % interval, 0 to 1 (Wilson, "Probable Inference", JASA 1927)."""
    if not share.samples:
        return 0.0, 1.0
    bounds = binomtest(share.right, share.samples).proportion_ci(0.95, "wilson")
    return float(bounds.low), float(bounds.high)


def share_words(share: Share) -> str:
    """Return percent, and the interval in brackets."""
    low, high = interval(share)
    return f"{100 * share.value:.1f} % ({100 * low:.0f} to {100 * high:.0f})"


def gain_words(comparison: Comparison | None) -> str:
    """Return percentage points, and the interval in brackets; nothing is gained by the first."""
    if comparison is None:
        return "+0.0"
    gain, low, high = (
        round(100 * each, 1) + 0.0  # never -0.0
        for each in (comparison.gain, comparison.gain_low, comparison.gain_high)
    )
    return f"{gain:+.1f} ({low:+.1f} to {high:+.1f})"
