"""The inference worker against a bare session and other servers, and the workers' memory."""

from functools import partial

from bench.measure import require_peers, subject
from bench.results import Bar, Figure, figures, parts, ratio
from bench.setting import Setting
from bench.workers import evaluate_models

__all__ = ["memory", "serving_pictures", "serving_profile", "serving_tensors"]

_SERVERS = {
    "bare session": "bare_session",
    "this project": "worker",
    "MLServer": "mlserver",
    "KServe": "kserve",
    "BentoML": "bentoml",
}


def serving_tensors(setting: Setting) -> list[Figure]:
    """Serve tensors to one client, and to eight."""
    return _served(setting, most_latency=1.5, least_throughput=0.85)


def serving_pictures(setting: Setting) -> list[Figure]:
    """Serve a JPEG file to one client, and to eight."""
    picture = next(setting.pictures(1).with_suffix("").iterdir())
    return _served(setting, most_latency=1.25, least_throughput=None, picture=str(picture))


def serving_profile(setting: Setting) -> list[Figure]:
    """Say where the time of a request goes."""
    picture = next(setting.pictures(1).with_suffix("").iterdir())
    arguments = {"model": setting.model(), "requests": 20 if setting.is_quick else 1000}
    measured = setting.in_turn(
        {
            "tensor": partial(subject, "serving.profile", **arguments),
            "JPEG file": partial(subject, "serving.profile", **arguments, picture=str(picture)),
        }
    )
    return parts(measured, "ms")


def _served(
    setting: Setting, most_latency: float, least_throughput: float | None, picture: str = ""
) -> list[Figure]:
    require_peers()
    seconds = 1.0 if setting.is_quick else 6.0
    arguments = {"model": setting.model(), "seconds": seconds, "picture": picture}
    measured = setting.in_turn(
        {
            side: partial(subject, f"serving.{function}", **arguments)
            for side, function in _SERVERS.items()
        }
    )
    bars = {"one_ms": Bar(limit=most_latency, is_lowest=False)}
    if least_throughput:
        bars["images_per_second"] = Bar(limit=least_throughput, is_lowest=True)
    one = figures(measured, "one_ms", "one client, p50", "ms")
    eight = figures(measured, "images_per_second", "eight clients", "images/s")
    slower, faster = Bar(limit=1.0, is_lowest=False), Bar(limit=1.0, is_lowest=True)
    return [
        *_compared(one, bars["one_ms"], slower),
        *_compared(eight, bars.get("images_per_second"), faster),
    ]


def _compared(sides: list[Figure], bare_bar: Bar | None, server_bar: Bar) -> list[Figure]:
    """Add this project's ratios to the bare session and to each other server."""
    bare, ours, *servers = sides
    ratios = [ratio(ours, each, ours.name, server_bar) for each in servers]
    return [*sides, ratio(ours, bare, ours.name, bare_bar), *ratios]


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
