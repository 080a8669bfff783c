from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import SettingsError, TemporaryError
from workers.storage.settings import DownloadSettings

MIB = 1024**2


@given(sizes=st.lists(st.integers(0, MIB), max_size=6))
def test_what_is_within_the_limit_arrives_whole(sizes: list[int]) -> None:
    chunks = [bytes(size) for size in sizes]
    bounded = DownloadSettings(download_limit_mib=2, download_seconds=60).bounded(
        "http://host/x", chunks
    )
    if sum(sizes) <= 2 * MIB:
        assert list(bounded) == chunks
    else:
        with pytest.raises(SettingsError, match="download_limit_mib=2"):
            list(bounded)


def test_a_download_that_takes_too_long_is_temporary(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 61.0])
    monkeypatch.setattr("workers.storage.settings.time.monotonic", lambda: next(clock))

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x"

    with pytest.raises(TemporaryError, match="not complete after download_seconds=60"):
        list(
            DownloadSettings(download_limit_mib=1, download_seconds=60).bounded(
                "http://user:word@host/x", endless()
            )
        )
