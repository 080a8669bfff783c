"""The oneDNN setting that MindSpore needs on CPUs with AVX-512.

MindSpore 2.9 and 2.10 pick oneDNN's reference convolution there for every kernel larger than
1x1, which is 10 to 100 times slower than the AVX2 one. oneDNN reads the variable when its
library is loaded, so it has to be set before MindSpore is imported.
"""

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

__all__ = ["ISA_LIMIT", "limit_isa"]

ISA_LIMIT = "AVX2"
_VARIABLE = "ONEDNN_MAX_CPU_ISA"
_CPUINFO = Path("/proc/cpuinfo")


def limit_isa(environ: MutableMapping[str, str] = os.environ, cpuinfo: Path = _CPUINFO) -> bool:
    """Keep oneDNN to AVX2 where the CPU has AVX-512 and the user has not chosen otherwise.

    Returns whether the variable was set by this call. It has no effect on a MindSpore that is
    imported already, and then leaves the environment alone.
    """
    if _VARIABLE in environ or "mindspore" in sys.modules or not _has_avx512(cpuinfo):
        return False
    environ[_VARIABLE] = ISA_LIMIT
    return True


def _has_avx512(cpuinfo: Path) -> bool:
    try:
        return "avx512f" in cpuinfo.read_text(encoding="utf-8")
    except OSError:
        return False
