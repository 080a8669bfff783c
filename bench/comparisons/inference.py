"""Evaluation, engines for one image, and MindSpore as it comes."""

from collections.abc import Callable, Mapping
from functools import partial

from bench.measure import Values, peer, subject
from bench.results import Bar, Figure, ratio
from bench.setting import Comparison, Setting

__all__ = ["AS_IT_COMES", "ENGINES", "EVALUATION"]

_BATCH_SIZE = 16


def _evaluation(setting: Setting) -> list[Figure]:
    count = 64 if setting.is_quick else 1000
    index = setting.pictures(count)
    measured = setting.in_turn(
        {
            "this project": partial(subject, "evaluation", index=index, model=setting.model),
            "bare session": partial(
                subject,
                "bare_session",
                model=setting.model,
                seconds=1.0 if setting.is_quick else 6.0,
            ),
        }
    )
    ours, bare = (
        Figure(side=side, name="evaluation", unit="images/s", values=values["images_per_second"])
        for side, values in measured.items()
    )
    return [ours, bare, ratio(ours, bare, "evaluation", Bar(limit=0.8, is_lowest=True))]


def _engines(setting: Setting) -> list[Figure]:
    requests = 20 if setting.is_quick else 300
    model = setting.model
    checkpoint = model.with_suffix(".ckpt")
    sides: Mapping[str, Callable[[], Values]] = {
        "this project, onnx": partial(subject, "inference", model=model, requests=requests),
        "this project, ckpt": partial(subject, "inference", model=checkpoint, requests=requests),
        "ONNX Runtime": partial(subject, "bare_session", model=model, seconds=1.0),
        "OpenVINO": partial(peer, "openvino_inference", model=model, requests=requests),
        "PyTorch": partial(peer, "torch_inference", requests=requests),
    }
    return [
        Figure(side=side, name="one image", unit="ms", values=values["one_ms"])
        for side, values in setting.in_turn(sides).items()
    ]


def _as_it_comes(setting: Setting) -> list[Figure]:
    arguments = {"index": setting.pictures(32), "epochs": 3, "batch_size": _BATCH_SIZE}
    requests = 20 if setting.is_quick else 100

    def ours() -> Values:
        rate = subject("full_fine_tuning", **arguments)["images_per_second"]
        one = subject("inference", model=setting.model.with_suffix(".ckpt"), requests=requests)
        return {"step_ms": _BATCH_SIZE / rate * 1000, "one_ms": one["one_ms"]}

    def as_it_comes() -> Values:
        return subject("mindspore_as_it_comes", batch_size=_BATCH_SIZE, steps=2)

    measured = setting.in_turn({"MindSpore as it comes": as_it_comes, "this project": ours})
    figures = []
    for quantity, name in {"step_ms": "training step of 16", "one_ms": "one image"}.items():
        plain, own = (
            Figure(side=side, name=name, unit="ms", values=values[quantity])
            for side, values in measured.items()
        )
        figures += [plain, own, ratio(plain, own, name)]
    return figures


EVALUATION = Comparison(
    "evaluation",
    "Evaluation",
    "The estimator's evaluation of 1000 JPEG files of 224 pixels, decoding and preprocessing"
    " included, against an ONNX Runtime session of the same model on arrays that are decoded"
    " already, at whichever batch size of 1 to 32 is fastest.",
    _evaluation,
)

ENGINES = Comparison(
    "engines",
    "One image at a time",
    "The same network at 224 pixels, one preprocessed image at a time, two threads, median of 300"
    " after a warm-up. For context: `onnx` is what the CPU's inference worker serves, `ckpt` runs"
    " in MindSpore.",
    _engines,
)

AS_IT_COMES = Comparison(
    "as-it-comes",
    "MindSpore as it comes",
    "MindCV's MobileNetV2 1.0 on MindSpore in graph mode with nothing set, against this project"
    " on the same MindSpore: a training step of 16 images of 224 pixels (this project's with"
    " decoding and augmentation), and one image. The difference is oneDNN's reference kernels on"
    " CPUs with AVX-512.",
    _as_it_comes,
)
