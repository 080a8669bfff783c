"""Makes a virtual environment from a lock file, shows the progress, and explains failures.

``python install.py FOLDER LOCK [--over ENVIRONMENT] [--editable PROJECT]``. Uses the standard
library alone. Run again after an interruption, it downloads nothing twice.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

__all__ = ["InstallError", "Progress", "explain", "install", "make_environment"]

_BUILD_LOCK = Path(__file__).with_name("build.txt")
_OVER = "_over.pth"
_PACKAGE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*==", re.MULTILINE)
_COLLECTING = re.compile(r"Collecting ([A-Za-z0-9._-]+)")
_DOWNLOADED = re.compile(r"Progress (\d+) of (\d+)")
_MB = 1_000_000
_LARGE = 10 * _MB
"""From this size on, a download's own progress is shown."""

_REASONS = {
    r"No space left on device|\[Errno 28\]|Disk quota exceeded": (
        "the disk is full: free 5 GB where {folder} and the temporary folder {temporary} are"
    ),
    r"CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError|certificate verify failed": (
        "the package index's certificate is not trusted: if a proxy has a certificate authority "
        "of its own, name its file with PIP_CERT=/path/to/ca.pem"
    ),
    r"Proxy Authentication Required|Cannot connect to proxy|Tunnel connection failed": (
        "the proxy does not let pip through to the package index: correct https_proxy, "
        "as http://user:password@host:port"
    ),
    r"Failed to establish a new connection|Failed to resolve|[Tt]imed out|Connection aborted"
    r"|Connection broken|Network is unreachable": (
        "the package index cannot be reached: connect to the network, or name a proxy with "
        "https_proxy= or another index with PIP_INDEX_URL="
    ),
    r"DO NOT MATCH THE HASHES": (
        "a downloaded file is not the one that the lock file names: try again with "
        "PIP_NO_CACHE_DIR=1, and if that fails with another index"
    ),
}
"""Why pip fails, by what it prints. The first that matches counts."""


class InstallError(Exception):
    """The message is one sentence: what is wrong and what to do."""


class Progress:
    """One line that is rewritten on a terminal; elsewhere only the first and the last."""

    def __init__(self, name: str, count: int) -> None:
        """Begin: ``count`` packages go into the environment ``name``."""
        self._name = name
        self._count = count
        self._collected = 0
        self._package = ""
        self._is_terminal = sys.stdout.isatty()
        self._started = time.monotonic()
        self._say(f"installing {count} packages", end="" if self._is_terminal else "\n")

    def follow(self, line: str) -> None:
        """Show what a line of pip's output means."""
        if collecting := _COLLECTING.match(line):
            self._collected += 1
            self._package = collecting[1]
            self._step(self._package)
        elif (downloaded := _DOWNLOADED.match(line)) and int(downloaded[2]) > _LARGE:
            done, size = (int(number) // _MB for number in downloaded.groups())
            self._step(f"{self._package}, {done} of {size} MB")
        elif line.startswith("Installing collected packages"):
            self._say("all are downloaded, unpacking", end="")

    def end(self) -> None:
        """Say that the environment is ready."""
        seconds = time.monotonic() - self._started
        self._say(f"{self._count} packages installed in {seconds:.0f} s", end="\n")

    def _step(self, text: str) -> None:
        if self._is_terminal:
            self._say(f"{self._collected} of {self._count}: {text}", end="")

    def _say(self, text: str, end: str) -> None:
        if self._is_terminal or end:
            start = "\r\033[K" if self._is_terminal else ""
            sys.stdout.write(f"{start}make: {self._name}: {text}{end}")
            sys.stdout.flush()


def make_environment(folder: Path, over: Path | None = None) -> Path:
    """Make the virtual environment ``folder`` unless it is there; return its Python.

    It has pip and setuptools, or else sees all packages of the environment ``over``. One over
    another, or made with another Python, is replaced. Raises InstallError.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    python, packages = folder / "bin" / "python", folder / "lib" / version / "site-packages"
    if over or not packages.exists():
        try:
            venv.create(folder, clear=True, symlinks=True, with_pip=over is None)
        except (OSError, subprocess.CalledProcessError) as error:
            raise InstallError(f"the environment {folder} cannot be made: {error}") from error
    if over:
        beneath = over.absolute() / "lib" / version / "site-packages"
        packages.joinpath(_OVER).write_text(f"import site; site.addsitedir({str(beneath)!r})\n")
    else:
        _pip(folder, "--no-deps", f"--requirement={_BUILD_LOCK}")
    return python


def install(folder: Path, lock: Path, *, over: bool = False) -> None:
    """Install what ``lock`` names into the environment ``folder``. Raises InstallError.

    In an environment ``over`` another, packages that the other one happens to have are installed
    too: their commands would be missing here.
    """
    text = lock.read_text(encoding="utf-8")
    progress = Progress(folder.name, len(_PACKAGE.findall(text)))
    # What has no hashes is not the whole closure either: see bench.in.
    options = ["--no-deps", "--require-hashes"] if "--hash=" in text else []
    options += ["--ignore-installed"] if over else []
    _pip(folder, *options, "--progress-bar=raw", f"--requirement={lock}", progress=progress)
    progress.end()


def _pip(folder: Path, *arguments: str, progress: Progress | None = None) -> None:
    command = [str(folder / "bin" / "python"), "-m", "pip", "install"]
    options = ["--disable-pip-version-check", "--retries=2"]
    output = []
    with subprocess.Popen(
        [*command, *options, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            output.append(line)
            if progress:
                progress.follow(line)
    if process.returncode:
        raise InstallError(explain("".join(output), folder))


def explain(output: str, folder: Path) -> str:
    """Return in one sentence why pip, which printed ``output``, could not fill ``folder``."""
    for pattern, reason in _REASONS.items():
        if re.search(pattern, output):
            return reason.format(folder=folder, temporary=tempfile.gettempdir())
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
    last = errors[0] if errors else output.strip().rpartition("\n")[2]
    return f"pip could not fill {folder}: {last.removeprefix('ERROR:').strip()}"


def _main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("lock", type=Path)
    parser.add_argument("--over", type=Path, help="see this environment's packages, too")
    parser.add_argument("--editable", type=Path, help="a project to install from where it is")
    arguments = parser.parse_args()
    try:
        make_environment(arguments.folder, arguments.over)
        install(arguments.folder, arguments.lock, over=arguments.over is not None)
        if project := arguments.editable:
            _pip(arguments.folder, "--no-deps", "--no-build-isolation", f"--editable={project}")
    except InstallError as error:
        sys.stderr.write(f"\nmake: {error}\n" if sys.stdout.isatty() else f"make: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(
            "\nmake: stopped: the same command continues and downloads nothing twice\n"
        )
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(_main())
