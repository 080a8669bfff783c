"""The inference worker against a bare session and another server, and the workers' memory."""

from functools import partial

from bench.measure import require_peers, subject
from bench.results import Bar, Figure, figures, ratio
from bench.setting import Setting
from bench.workers import evaluate_models

__all__ = ["memory", "serving"]

_QUANTITIES = [
    ("one_ms", "one client, p50", "ms"),
    ("images_per_second", "eight clients", "images/s"),
]


def serving(setting: Setting) -> list[Figure]:
    """Serve one client, and eight."""
    require_peers()
    arguments = {"model": setting.model(), "seconds": 1.0 if setting.is_quick else 10.0}
    measured = setting.in_turn(
        {
            "bare session": partial(subject, "serving.bare_session", **arguments),
            "this project": partial(subject, "serving.worker", **arguments),
            "MLServer": partial(subject, "serving.mlserver", **arguments),
        }
    )
    compared = []
    for quantity, name, unit in _QUANTITIES:
        bare, ours, mlserver = figures(measured, quantity, name, unit)
        compared += [bare, ours, mlserver, ratio(ours, bare, name), ratio(ours, mlserver, name)]
    return compared


def memory(setting: Setting) -> list[Figure]:
    """Return the most memory that the eval and the inference worker hold."""
    model = setting.model()
    index = setting.pictures(100 if setting.is_quick else 1000)
    measured = setting.in_turn(
        {
            "evaluation": partial(evaluate_models, index, (model, model)),
            "inference worker": partial(subject, "serving.memory", model=model),
        }
    )
    bars = {"evaluation": 600.0, "inference worker": 200.0}
    return [
        Figure(
            side="this project",
            name=f"peak memory, {side}",
            unit="MiB",
            values=measured[side]["peak_mib"],
            bar=Bar(limit=limit, is_lowest=False),
        )
        for side, limit in bars.items()
    ]
