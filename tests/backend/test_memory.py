import resource
from pathlib import Path

import psutil
import pytest

from backend import memory
from backend.memory import memory_limit


def test_without_a_limit_it_is_the_machines_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_CGROUP_LIMITS", ())
    assert memory_limit() == psutil.virtual_memory().total


def test_the_smallest_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "v1").write_text("max\n")
    (tmp_path / "v2").write_text("671088640\n")
    files = (tmp_path / "absent", tmp_path / "v1", tmp_path / "v2")
    monkeypatch.setattr(memory, "_CGROUP_LIMITS", files)
    assert memory_limit() == 640 * 2**20
    monkeypatch.setattr(resource, "getrlimit", lambda _: (512 * 2**20, resource.RLIM_INFINITY))
    assert memory_limit() == 512 * 2**20
