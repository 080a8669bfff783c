"""The comparisons, in the order in which they are measured; docs/benchmarks.md explains each."""

from collections.abc import Callable, Mapping

from bench.comparisons.inference import as_it_comes, engines, evaluation, int8
from bench.comparisons.labelling import labelling_photographs, labelling_rendered
from bench.comparisons.learning import learning_photographs, learning_rendered
from bench.comparisons.overhead import overhead
from bench.comparisons.scale import growth
from bench.comparisons.serving import memory, serving_pictures, serving_profile, serving_tensors
from bench.comparisons.training import (
    accuracy,
    compilation,
    full_fine_tuning,
    head_round,
    phases,
    training_steps,
)
from bench.results import Figure
from bench.setting import Setting

__all__ = ["COMPARISONS", "DRAWN", "Comparison"]

Comparison = Callable[[Setting], list[Figure]]
"""Answers a question; raises ProjectError if it cannot be answered here."""

COMPARISONS: Mapping[str, Comparison] = {
    "training-steps": training_steps,
    "full-fine-tuning": full_fine_tuning,
    "head-round": head_round,
    "phases": phases,
    "compilation": compilation,
    "accuracy": accuracy,
    "evaluation": evaluation,
    "engines": engines,
    "int8": int8,
    "as-it-comes": as_it_comes,
    "overhead": overhead,
    "memory": memory,
    "growth": growth,
    "serving-tensors": serving_tensors,
    "serving-pictures": serving_pictures,
    "serving-profile": serving_profile,
    "learning": learning_photographs,
    "learning-rendered": learning_rendered,
    "labelling": labelling_photographs,
    "labelling-rendered": labelling_rendered,
}

DRAWN = {
    "phases": "s",
    "growth": "s",
    "serving-profile": "ms",
    "learning": "%",
    "learning-rendered": "%",
}
"""The comparisons of which there is a picture, and the unit of what it shows."""
