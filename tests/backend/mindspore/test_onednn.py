import sys
from pathlib import Path
from types import ModuleType

import pytest

from backend.mindspore.onednn import limit_isa

AVX512 = "processor : 0\nflags : fpu sse avx2 avx512f avx512dq\n"
AVX2 = "processor : 0\nflags : fpu sse avx2\n"


@pytest.fixture
def cpuinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a CPU with AVX-512, in a process without MindSpore."""
    monkeypatch.delitem(sys.modules, "mindspore", raising=False)
    path = tmp_path / "cpuinfo"
    path.write_text(AVX512, encoding="utf-8")
    return path


def test_avx512_is_limited_to_avx2(cpuinfo: Path) -> None:
    environ: dict[str, str] = {}
    assert limit_isa(environ, cpuinfo)
    assert environ == {"ONEDNN_MAX_CPU_ISA": "AVX2"}


def test_the_second_call_changes_nothing(cpuinfo: Path) -> None:
    environ: dict[str, str] = {}
    limit_isa(environ, cpuinfo)
    assert not limit_isa(environ, cpuinfo)
    assert environ == {"ONEDNN_MAX_CPU_ISA": "AVX2"}


def test_the_users_choice_stays(cpuinfo: Path) -> None:
    environ = {"ONEDNN_MAX_CPU_ISA": "DEFAULT"}
    assert not limit_isa(environ, cpuinfo)
    assert environ == {"ONEDNN_MAX_CPU_ISA": "DEFAULT"}


def test_other_cpus_are_left_alone(cpuinfo: Path) -> None:
    cpuinfo.write_text(AVX2, encoding="utf-8")
    environ: dict[str, str] = {}
    assert not limit_isa(environ, cpuinfo)
    assert not environ


def test_a_system_without_cpuinfo_is_left_alone(cpuinfo: Path) -> None:
    cpuinfo.unlink()
    environ: dict[str, str] = {}
    assert not limit_isa(environ, cpuinfo)
    assert not environ


def test_it_is_too_late_after_the_import_of_mindspore(
    cpuinfo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mindspore", ModuleType("mindspore"))
    environ: dict[str, str] = {}
    assert not limit_isa(environ, cpuinfo)
    assert not environ
