"""Files that are not opened as images, whatever they contain."""

import stat
from collections.abc import Sequence
from pathlib import Path

from backend.errors import ImageError

__all__ = ["Screen"]

_MIB = 2**20


class Screen:
    """Looks at a dataset's files without reading them; two system calls a file.

    A link may lead anywhere in the dataset, and the dataset's folder may be a link itself. A
    link that leads out of it would let those who fill the folder read other files of this machine.
    """

    def __init__(self, folders: Sequence[Path], limit_mib: int) -> None:
        """Accept a file that is in one of ``folders`` and has no more than ``limit_mib`` MiB."""
        self._folders = [folder.resolve() for folder in folders]
        self._limit = limit_mib
        self._inside: dict[Path, bool] = {}

    def check(self, path: Path) -> None:
        """Raise ImageError, which names the file, for what is missing, outside or too large.

        A pipe or a device would never end, so that only regular files pass.
        """
        try:
            status = path.stat()
            folder = (path.resolve() if path.is_symlink() else path).parent
        except FileNotFoundError:
            raise ImageError(f"{path}: there is no such image.") from None
        except OSError as error:
            raise ImageError(f"{path}: cannot be opened ({error.strerror}).") from None
        if not self._is_inside(folder):
            raise ImageError(f"{path}: leads out of the dataset's folder: copy the image into it.")
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(f"{path}: is not a regular file: remove it.")
        if status.st_size > self._limit * _MIB:
            raise ImageError(f"{path}: is larger than image_limit_mib={self._limit}: shrink it.")

    def passes(self, path: Path) -> bool:
        """Return whether `check` has nothing to say."""
        try:
            self.check(path)
        except ImageError:
            return False
        return True

    def _is_inside(self, folder: Path) -> bool:
        # Thousands of images share a folder.
        if folder not in self._inside:
            real = folder.resolve()
            self._inside[folder] = any(real.is_relative_to(each) for each in self._folders)
        return self._inside[folder]
