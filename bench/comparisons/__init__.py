"""The comparisons, in the order in which they are measured and shown."""

from bench.comparisons.inference import AS_IT_COMES, ENGINES, EVALUATION
from bench.comparisons.int8 import INT8
from bench.comparisons.overhead import OVERHEAD
from bench.comparisons.scale import MILLION_SAMPLES
from bench.comparisons.serving import MEMORY, SERVING
from bench.comparisons.training import ACCURACY, COMPILATION, FULL_FINE_TUNING, HEAD_ROUND

__all__ = ["COMPARISONS"]

COMPARISONS = (
    FULL_FINE_TUNING,
    HEAD_ROUND,
    COMPILATION,
    ACCURACY,
    EVALUATION,
    ENGINES,
    INT8,
    AS_IT_COMES,
    OVERHEAD,
    MEMORY,
    MILLION_SAMPLES,
    SERVING,
)
