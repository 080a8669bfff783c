"""What the figures were measured on."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

__all__ = ["PEERS_PYTHON", "Machine", "pin_to_cores"]

PEERS_PYTHON = Path(".venv-bench/bin/python").absolute()
"""The interpreter of the peers' environment."""

_CORES = 2
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile")
_OURS = ("mindspore", "tinyms", "onnxruntime", "numpy", "pillow", "mindcv")
_PEERS = ("torch", "openvino", "onnxruntime", "mlserver")
_LIST_PEERS = """
from importlib.metadata import distributions
print(*(f"{each.name}=={each.version}" for each in distributions()))
"""


class Machine(BaseModel):
    """The machine and its software."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cpu: str
    cores: int
    """That the benchmark runs on."""
    memory_gib: float
    flags: tuple[str, ...]
    """Of the CPU, those that matter to a network's speed."""
    system: str
    python: str
    versions: dict[str, str]
    peers: dict[str, str]
    """Versions in the peers' environment."""

    @classmethod
    def here(cls) -> "Machine":
        """Describe this machine."""
        cpu, flags = _cpu()
        return cls(
            cpu=cpu,
            cores=len(os.sched_getaffinity(0)),
            memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
            flags=flags,
            system=f"{platform.system()} {platform.release()}",
            python=platform.python_version(),
            versions={name: version(name) for name in _OURS},
            peers=_peers(),
        )


def pin_to_cores() -> None:
    """Keep this process and its children to two cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:_CORES])


def _cpu() -> tuple[str, tuple[str, ...]]:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    fields = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}
    present = fields.get("flags", "").split()
    return fields.get("model name", "unknown"), tuple(each for each in _FLAGS if each in present)


def _peers() -> dict[str, str]:
    if not PEERS_PYTHON.exists():
        return {}
    command = [str(PEERS_PYTHON), "-c", _LIST_PEERS]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    installed = dict(each.split("==", maxsplit=1) for each in listed)
    return {name: installed[name] for name in _PEERS if name in installed}
