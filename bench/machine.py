"""What the figures were measured on."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil

__all__ = ["PEERS_PYTHON", "describe_machine", "number_types", "pin_to_cores"]

PEERS_PYTHON = Path(".venv-bench/bin/python").absolute()
"""The interpreter of the peers' environment."""

_CORES = 2
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile")
_OURS = ("mindspore", "tinyms", "onnxruntime", "numpy", "pillow", "mindcv")
_PEERS = ("torch", "openvino", "onnxruntime", "mlserver", "kserve", "bentoml", "scikit-learn")


def describe_machine() -> dict[str, str]:
    """Return what matters to a network's speed: the machine, its system and the versions."""
    cpu = _cpu()
    flags = [each for each in _FLAGS if each in cpu.get("flags", "").split()]
    return {
        "CPU": f"{cpu.get('model name', 'unknown')}; {', '.join(flags)}",
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "system": f"{platform.system()} {_kernel()}, Python {platform.python_version()}",
        "this project's": ", ".join(f"{name} {version(name)}" for name in _OURS),
        "peers'": _peers() or "not installed",
    }


def pin_to_cores() -> None:
    """Keep this process and its children to two cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:_CORES])


def number_types() -> list[str]:
    """Return what a peer may compute in: without hardware for it, bfloat16 takes minutes a step."""
    is_there = {"avx512_bf16", "amx_bf16"}.intersection(_cpu().get("flags", "").split())
    return ["float32", "bfloat16"] if is_there else ["float32"]


def _kernel() -> str:
    """Return the kernel's first two numbers: a rebuilt one does not change what is measured."""
    return ".".join(platform.release().split(".")[:2])


def _cpu() -> dict[str, str]:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}


def _peers() -> str:
    if not PEERS_PYTHON.exists():
        return ""
    script = "\n".join(
        [
            "from importlib.metadata import version",
            f"print(*(f'{{each}} {{version(each)}}' for each in {_PEERS}), sep=', ')",
        ]
    )
    command = [str(PEERS_PYTHON), "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
