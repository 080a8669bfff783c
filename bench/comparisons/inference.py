"""Evaluation, engines for one image, int8, and MindSpore as it comes."""

from collections.abc import Callable, Mapping
from functools import partial

from bench.answering import Values
from bench.measure import peer, subject
from bench.results import Bar, Figure, figures, ratio
from bench.setting import Setting

__all__ = ["as_it_comes", "engines", "evaluation", "int8"]

_BATCH_SIZE = 16
_FORMATS = {"float": "model.onnx", "int8": "model.int8.onnx"}


def evaluation(setting: Setting) -> list[Figure]:
    """Compare the estimator's evaluation with a bare session on decoded arrays."""
    index = setting.pictures(64 if setting.is_quick else 1000)
    seconds = 1.0 if setting.is_quick else 6.0
    model = setting.model()
    measured = setting.in_turn(
        {
            "this project": partial(subject, "estimator.evaluation", index=index, model=model),
            "bare session": partial(subject, "serving.bare_session", model=model, seconds=seconds),
        }
    )
    ours, bare = figures(measured, "images_per_second", "evaluation", "images/s")
    return [ours, bare, ratio(ours, bare, "evaluation", Bar(limit=0.8, is_lowest=True))]


def engines(setting: Setting) -> list[Figure]:
    """Run one image at a time in this project's engines and in others."""
    requests = 20 if setting.is_quick else 300
    onnx, ckpt = setting.model(), setting.model().with_suffix(".ckpt")
    ours, session = "estimator.inference", "serving.bare_session"
    sides: Mapping[str, Callable[[], Values]] = {
        "this project, onnx": partial(subject, ours, model=onnx, requests=requests),
        "this project, ckpt": partial(subject, ours, model=ckpt, requests=requests),
        "ONNX Runtime": partial(subject, session, model=onnx, seconds=1.0),
        "OpenVINO": partial(peer, "openvino_session.inference", model=onnx, requests=requests),
        "PyTorch": partial(peer, "torch_sides.inference", requests=requests),
    }
    return figures(setting.in_turn(sides), "one_ms", "one image", "ms")


def int8(setting: Setting) -> list[Figure]:
    """Compare the int8 model with the float one, in speed and on held-out photographs."""
    photographs = setting.photographs
    folder = setting.folder / "int8"
    folder.mkdir()
    subject("estimator.make_int8", folder=folder, **photographs)
    requests = 20 if setting.is_quick else 300
    shared = {"photos": photographs["photos"], "requests": requests}
    measured = setting.in_turn(
        {
            f"{name}, threads: {threads}": partial(
                subject, "estimator.one_format", model=folder / file, threads=threads, **shared
            )
            for threads in (2, 1)
            for name, file in _FORMATS.items()
        }
    )
    plain, small, plain_alone, small_alone = figures(measured, "one_ms", "one image", "ms")
    bar = Bar(limit=1.5, is_lowest=True)
    accuracies = (measured[f"{name}, threads: 2"]["accuracy"] for name in _FORMATS)
    lost = Figure(
        side="float - int8",
        name="accuracy on the held-out photographs",
        unit="points",
        values=tuple((a - b) * 100 for a, b in zip(*accuracies, strict=True)),
        bar=Bar(limit=0.5, is_lowest=False),
    )
    return [
        *(plain, small, ratio(plain, small, "one image", bar)),
        *(plain_alone, small_alone, ratio(plain_alone, small_alone, "one image", bar)),
        lost,
    ]


def as_it_comes(setting: Setting) -> list[Figure]:
    """Compare MindCV on MindSpore with nothing set with this project on the same MindSpore."""
    arguments = {"index": setting.pictures(32), "epochs": 3, "batch_size": _BATCH_SIZE}
    requests = 20 if setting.is_quick else 100
    checkpoint = setting.model().with_suffix(".ckpt")

    def ours() -> Values:
        rate = subject("estimator.full_fine_tuning", **arguments)["images_per_second"]
        one = subject("estimator.inference", model=checkpoint, requests=requests)
        return {"step_ms": _BATCH_SIZE / rate * 1000, "one_ms": one["one_ms"]}

    plain = partial(subject, "mindspore_as_it_comes.as_it_comes", batch_size=_BATCH_SIZE, steps=2)
    measured = setting.in_turn({"MindSpore as it comes": plain, "this project": ours})
    compared = []
    for quantity, name in {"step_ms": "training step of 16", "one_ms": "one image"}.items():
        theirs, own = figures(measured, quantity, name, "ms")
        compared += [theirs, own, ratio(theirs, own, name)]
    return compared
