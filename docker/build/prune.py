"""Removes from installed packages what a worker never loads.

``python prune.py SITE_PACKAGES cpu|ascend``. MindSpore's wheel holds the plugins of every
device and version, 2.5 GB in all; a worker on a CPU needs a fifth of it.
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["prune"]

_EVERYWHERE = (
    "*.dist-info/RECORD",  # for uninstalling
    "**/tests",  # of NumPy, SciPy and others
    "**/*.a",
    "**/*.pxd",
    "**/*.pyi",
    "numpy/array_api",
    "numpy/core/include",
    "numpy/distutils",
    "numpy/f2py",
    "onnx/**/*.cc",
    "onnx/**/*.h",
    "onnx/backend",
    "onnx/reference/ops",
    "onnxruntime/capi/libonnxruntime.so*",  # for programs in C; Python has its own copy
    "onnxruntime/datasets",
    "onnxruntime/tools",
    "onnxruntime/transformers/models",
    "mindspore/include",
    "mindspore/lib/plugin/gpu*",
    "mindspore/lib/plugin/libmindspore_gpu.so*",
    "mindspore/lib/plugin/libcuda_ops*",
    "mindspore/utils/bin",  # a server that caches datasets
)
_ON_A_CPU = (
    "mindspore/_akg",
    "mindspore/lib/libmindspore_ge_backend.so",
    "mindspore/lib/plugin/ascend",
    "mindspore/lib/plugin/cpu/libakg.so",
    "mindspore/lib/plugin/libmindspore_ascend.so*",
    "mindspore/lib/plugin/libmindspore_ops_ascend.so",
    # MindSpore imports scipy's io, linalg, ndimage and sparse; TinyMS stats, see tinyms_compat.
    "scipy/cluster",
    "scipy/datasets",
    "scipy/differentiate",
    "scipy/fftpack",
    "scipy/integrate",
    "scipy/interpolate",
    "scipy/misc",
    "scipy/odr",
    "scipy/optimize",
    "scipy/signal",
    "scipy/spatial",
    "scipy/stats",
)
_WITHOUT_ONNX = (  # quantisation needs the package onnx, which is where models are trained
    "onnxruntime/quantization",
    "onnxruntime/transformers",
)
_UNUSED = {"cpu": (*_EVERYWHERE, *_ON_A_CPU), "ascend": _EVERYWHERE}

_SERVICES = "botocore/data"
_USED_SERVICES = {"s3", "sts"}


def prune(site_packages: Path, flavor: str) -> None:
    """Remove what the workers of ``flavor`` (``cpu`` or ``ascend``) never load."""
    for path in [*_unused(site_packages, flavor), *_unused_services(site_packages)]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _unused(site_packages: Path, flavor: str) -> Iterator[Path]:
    is_serving_only = not (site_packages / "onnx").is_dir()
    for pattern in _UNUSED[flavor] + (_WITHOUT_ONNX if is_serving_only else ()):
        yield from site_packages.glob(pattern)


def _unused_services(site_packages: Path) -> Iterator[Path]:
    """Botocore describes hundreds of services, each in a folder."""
    for path in site_packages.glob(f"{_SERVICES}/*/"):
        if path.name not in _USED_SERVICES:
            yield path


if __name__ == "__main__":
    prune(Path(sys.argv[1]), sys.argv[2])
