"""Disks that are full or cannot be written, for as long as a test wants."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import pytest

SIZE_KIB = 4096
_BALLAST = ".ballast"


class Disk(Protocol):
    """A folder, and the outcome of writing to it."""

    folder: Path

    def fill(self) -> None:
        """Leave no room."""
        ...

    def clear(self) -> None:
        """Free the space again."""
        ...


class SmallDisk:
    """A file system of 4 MiB in memory, which only root may mount."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    @contextmanager
    def mounted(cls, folder: Path) -> Iterator["SmallDisk"]:
        folder.mkdir()
        options = ["-t", "tmpfs", "-o", f"size={SIZE_KIB}k", "tmpfs", str(folder)]
        done = _run("mount", *options)
        if done.returncode:
            pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
        try:
            yield cls(folder)
        finally:
            # What still has a file open on it must not keep the folder: it goes when that ends.
            _run("umount", "--lazy", str(folder)).check_returncode()

    def fill(self) -> None:
        with (self.folder / _BALLAST).open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    def clear(self) -> None:
        (self.folder / _BALLAST).unlink()

    def grow(self) -> None:
        """Make it large enough for every model of a round."""
        self._remount("size=256m")

    def protect(self) -> None:
        """Make it read-only."""
        self._remount("ro")

    def release(self) -> None:
        """Make it writable again."""
        self._remount("rw")

    def _remount(self, option: str) -> None:
        _run("mount", "-o", f"remount,{option}", str(self.folder)).check_returncode()


class NoLargerFiles:
    """Any disk: this process may make no file larger than it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    @classmethod
    @contextmanager
    def limited(cls, folder: Path) -> Iterator["NoLargerFiles"]:
        folder.mkdir()
        disk = cls(folder)
        try:
            yield disk
        finally:
            disk.clear()

    def fill(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, self._limits[1]))

    def clear(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._limits)


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False)
