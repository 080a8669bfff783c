"""Local paths for URLs."""

import logging
import shutil
import tempfile
import weakref
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from urllib.parse import quote, unquote, urlsplit

from backend.errors import PermanentError, SettingsError, TemporaryError
from workers.contract import Variable
from workers.storage.base import NotFoundError, Storage
from workers.storage.http import HttpStorage
from workers.urls import is_remote, local_path, redacted

__all__ = ["Mirror"]

_URL_VARIABLES = (
    Variable.BASE_MODEL_URL,
    Variable.MODEL_URL,
    Variable.MODEL_URLS,
    Variable.TRAIN_DATASET_URL,
    Variable.TEST_DATASET_URL,
    Variable.ORIGINAL_DATASET_URL,
)
_SEPARATOR = ";"
_S3 = "s3"
_DOWNLOADS_AT_ONCE = 8

_log = logging.getLogger(__name__)


class Mirror:
    """Gives a remote URL a path of its own below a temporary folder, ``<scheme>/<host>/<path>``.

    Neighbours in a remote folder are neighbours in the mirror. The temporary folder goes when
    the mirror does. A path on the node is its own mirror: nothing is copied.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Mirror nothing yet; ``environment`` has the settings of storage, read when used."""
        self._environment = environment
        self._urls: dict[Path, str] = {}
        self._prefixes: dict[Path, str] = {}
        """Of folders that a URL led through: the URL so far, without a query."""
        self._s3_lock = Lock()

    def localise(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment with local paths in the contract's URL variables.

        Nothing is downloaded. A URL of an unknown scheme is left for the settings to refuse.
        Raises SettingsError, which names the variable, for a remote URL that cannot be used.
        """
        local = dict(environment)
        for variable in filter(environment.__contains__, _URL_VARIABLES):
            with _named(variable):
                local[variable] = self._local(environment[variable])
        return local

    def path(self, url: str) -> Path:
        """Return the local path of a URL; raises SettingsError for one that cannot be used."""
        if not is_remote(url):
            return local_path(url)
        scheme, _, rest = url.partition("://")
        location = rest if scheme.lower() == _S3 else _without_query(url)
        # A slash at the end only says that it is a folder.
        root, *names = location.removesuffix("/").split("/")
        path = self._folder / scheme.lower() / root.rpartition("@")[2]
        prefix = f"{scheme.lower()}://{root}"
        self._prefixes.setdefault(path, prefix)
        for name in names:
            path, prefix = path / _local_name(name, scheme.lower()), f"{prefix}/{name}"
            self._prefixes.setdefault(path, prefix)
        self._urls[path] = f"{prefix}{rest[len(location) :]}"
        return path

    def url(self, path: Path) -> str:
        """Return the URL that a path stands for: for a path on the node, itself."""
        if not self._is_remote(path):
            return str(path)
        if path in self._urls:
            return self._urls[path]
        folder, names = path, list[str]()
        while folder not in self._prefixes:
            folder, names = folder.parent, [folder.name, *names]
        prefix = self._prefixes[folder]
        is_plain = prefix.startswith(f"{_S3}://")
        return "/".join([prefix, *(name if is_plain else quote(name) for name in names)])

    def fetch(self, path: Path, variable: str) -> Path:
        """Return ``path``, downloaded first if it stands for a remote file and is not here yet.

        Raises SettingsError (NotFoundError for a missing file) or TemporaryError, which name
        the variable and the URL.
        """
        size = self._download(path, variable)
        if size:
            _log.info("downloaded %s, %d bytes", redacted(self.url(path)), size)
        return path

    def fetch_all(self, paths: Sequence[Path], variable: str) -> None:
        """Fetch many files at once; raises as `fetch` does."""
        download = partial(self._download, variable=variable)
        with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
            size = sum(pool.map(download, filter(self._is_remote, paths)))
        if size:
            _log.info("%s: downloaded %d bytes", variable, size)

    def fetch_available(self, paths: Sequence[Path], variable: str) -> list[Path]:
        """Fetch many files at once, and return those that exist and that this worker may read.

        Raises TemporaryError if storage is away.
        """
        download = partial(self._try_download, variable=variable)
        with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
            errors = list(pool.map(download, filter(self._is_remote, paths)))
        problems = [error for error in errors if error]
        if problems:
            _log.warning("%d files are left out, one because: %s", len(problems), problems[0])
        return [path for path in paths if path.exists()]

    def pull(self, folder: Path, names: Collection[str], variable: str) -> None:
        """Download the files of these names from anywhere below a remote folder, once more."""
        if not self._is_remote(folder):
            return
        url = self.url(folder)
        with _named(variable):
            storage = self._storage(url)
            for file in storage.list(url):
                if file.rpartition("/")[2] in names:
                    storage.download(file, self.path(file))

    def publish(self, path: Path, variable: str) -> None:
        """Upload a file that stands for a remote one."""
        if self._is_remote(path):
            url = self.url(path)
            with _named(variable):
                self._storage(url).upload(path, url)
            _log.info("uploaded %s, %d bytes", url, path.stat().st_size)

    def _local(self, text: str) -> str:
        urls = (url.strip() for url in text.split(_SEPARATOR))
        return _SEPARATOR.join(str(self.path(url)) if is_remote(url) else url for url in urls)

    @cached_property
    def _folder(self) -> Path:
        folder = tempfile.mkdtemp(prefix="sedna-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def _is_remote(self, path: Path) -> bool:
        return "_folder" in self.__dict__ and path.is_relative_to(self._folder)

    def _download(self, path: Path, variable: str) -> int:
        if not self._is_remote(path) or path.exists():
            return 0
        url = self.url(path)
        with _named(variable):
            return self._storage(url).download(url, path)

    def _try_download(self, path: Path, variable: str) -> PermanentError | None:
        try:
            self._download(path, variable)
        except PermanentError as error:
            return error
        return None

    def _storage(self, url: str) -> Storage:
        if not url.startswith(f"{_S3}://"):
            return HttpStorage.from_environment(self._environment)
        with self._s3_lock:
            return self._s3

    @cached_property
    def _s3(self) -> Storage:
        from workers.storage.s3 import S3Storage  # noqa: PLC0415 - boto3 is slow to import

        return S3Storage.from_environment(self._environment)


def _without_query(url: str) -> str:
    """Return what follows the scheme, up to a query or fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise SettingsError(f"{redacted(url)}: is not a URL: check it.") from None
    return f"{parts.netloc}{parts.path}"


def _local_name(name: str, scheme: str) -> str:
    """Return the file name for one part of a URL's path.

    Parts that no file can be named by keep the escapes that they have in the URL.
    """
    plain = name if scheme == _S3 else unquote(name)
    if plain == "..":
        raise SettingsError(f"{name}: a URL must not contain `..`: write it without.")
    if not plain or plain == "." or "/" in plain or "\0" in plain:
        return name if "%" in name else f"%{name}"
    return plain


@contextmanager
def _named(variable: str) -> Iterator[None]:
    """Put the variable's name before what is wrong with its URL."""
    try:
        yield
    except NotFoundError as error:
        raise NotFoundError(f"{variable}: {error}") from None
    except PermanentError as error:
        raise SettingsError(f"{variable}: {error}") from None
    except TemporaryError as error:
        raise TemporaryError(f"{variable}: {error}") from None
