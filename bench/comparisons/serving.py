"""The inference worker against a bare session and another server, and the workers' memory."""

from functools import partial

from bench.measure import require_peers, subject
from bench.results import Bar, Figure, ratio
from bench.setting import Comparison, Setting
from bench.workers import evaluate_models

__all__ = ["MEMORY", "SERVING"]

_BARE, _OURS, _PEER = "bare session", "this project", "MLServer"


def _serving(setting: Setting) -> list[Figure]:
    require_peers()
    arguments = {"model": setting.model, "seconds": 1.0 if setting.is_quick else 10.0}
    measured = setting.in_turn(
        {
            _BARE: partial(subject, "bare_session", **arguments),
            _OURS: partial(subject, "serving_worker", **arguments),
            _PEER: partial(subject, "serving_mlserver", **arguments),
        }
    )
    p50 = {
        side: Figure(side=side, name="one client, p50", unit="ms", values=values["one_ms"])
        for side, values in measured.items()
    }
    rate = {
        side: Figure(
            side=side, name="eight clients", unit="images/s", values=values["images_per_second"]
        )
        for side, values in measured.items()
    }
    return [
        *p50.values(),
        ratio(p50[_OURS], p50[_BARE], "one client, p50"),
        ratio(p50[_OURS], p50[_PEER], "one client, p50"),
        *rate.values(),
        ratio(rate[_OURS], rate[_BARE], "eight clients"),
        ratio(rate[_OURS], rate[_PEER], "eight clients"),
    ]


def _memory(setting: Setting) -> list[Figure]:
    model = setting.model
    index = setting.pictures(100 if setting.is_quick else 1000)
    measured = setting.in_turn(
        {
            "evaluation": partial(evaluate_models, index, (model, model)),
            "inference worker": partial(subject, "serving_memory", model=model),
        }
    )
    limits = {"evaluation": 600.0, "inference worker": 200.0}
    return [
        Figure(
            side="this project",
            name=f"peak memory, {side}",
            unit="MiB",
            values=values["worker_mib" if side == "inference worker" else "peak_mib"],
            bar=Bar(limit=limits[side], is_lowest=False),
        )
        for side, values in measured.items()
    ]


SERVING = Comparison(
    "serving",
    "Serving",
    "One tensor of 224 pixels a request, over HTTP, clients in processes of their own on the same"
    " cores; the bare session has no clients and its best batch size. MLServer runs the same ONNX"
    " model in ONNX Runtime, without parallel workers, with adaptive batching of up to 8 requests"
    " in 2 ms. It takes the tensor as JSON, because it answers the binary tensor extension with"
    " 422; this project's worker takes it as binary, so that much of the difference is JSON.",
    _serving,
)

MEMORY = Comparison(
    "memory",
    "Memory",
    "The most resident memory of each process: the eval worker with two models and 1000 images"
    " of 224 pixels; the inference worker after 300 requests of one image of 224 pixels. That of"
    " head-only training stands with its round.",
    _memory,
)
