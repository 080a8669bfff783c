"""The int8 model against the float one."""

from functools import partial

from bench.measure import subject
from bench.results import Bar, Figure, ratio
from bench.setting import Comparison, Measured, Setting

__all__ = ["INT8"]

_FILES = {"float": "model.onnx", "int8": "model.int8.onnx"}


def _int8(setting: Setting) -> list[Figure]:
    photographs = setting.photographs
    folder = setting.folder / "int8"
    folder.mkdir()
    subject("make_int8", folder=folder, **photographs)
    measured = setting.in_turn(
        {
            f"{name}, threads: {threads}": partial(
                subject,
                "one_format",
                model=folder / file,
                photos=photographs["photos"],
                threads=threads,
                requests=20 if setting.is_quick else 300,
            )
            for threads in (2, 1)
            for name, file in _FILES.items()
        }
    )
    return [*_speed(measured, 2), *_speed(measured, 1), *_accuracy(measured)]


def _speed(measured: Measured, threads: int) -> list[Figure]:
    plain, small = (
        Figure(side=side, name="one image", unit="ms", values=measured[side]["one_ms"])
        for side in (f"{name}, threads: {threads}" for name in _FILES)
    )
    return [plain, small, ratio(plain, small, "one image", Bar(limit=1.5, is_lowest=True))]


def _accuracy(measured: Measured) -> list[Figure]:
    plain, small = (measured[f"{side}, threads: 2"]["accuracy"] for side in _FILES)
    lost = tuple((a - b) * 100 for a, b in zip(plain, small, strict=True))
    return [
        Figure(
            side="float - int8",
            name="accuracy on the held-out photographs",
            unit="points",
            values=lost,
            bar=Bar(limit=0.5, is_lowest=False),
        )
    ]


INT8 = Comparison(
    "int8",
    "Serving in int8",
    "From ImageNet weights, the head is trained on 180 photographs of dogs and croissants, the"
    " model saved as `onnx` and as `int8`; both then answer one preprocessed image of 224 pixels"
    " at a time, median of 300 after a warm-up, and judge the 60 held-out photographs. One thread:"
    " the process is kept on one core.",
    _int8,
)
