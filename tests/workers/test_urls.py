from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import SettingsError
from workers.storage import is_remote, local_path, redacted

_words = st.text(st.sampled_from("abcXYZ019-_.%"), min_size=1, max_size=8)


def test_a_path_is_itself() -> None:
    assert local_path("/home/data/x/index.txt") == Path("/home/data/x/index.txt")


@pytest.mark.parametrize("url", ["gs://bucket/x", "ftp://user:word@h/x", "s3://bucket/x"])
def test_another_scheme_is_refused_without_its_login(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^\w+://\w+/x: \w+:// is not supported"):
        local_path(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://b/k", True),
        ("http://h/x", True),
        ("HTTPS://h/x", True),
        ("/s3://b/k", False),
        ("gs://b/k", False),
        ("/home/data/http", False),
    ],
)
def test_what_is_remote(url: str, expected: bool) -> None:
    assert is_remote(url) is expected


@given(user=_words, word=_words, query=_words, path=_words)
def test_login_and_query_are_never_shown(user: str, word: str, query: str, path: str) -> None:
    url = f"https://{user}:{word}@host/{path}?token={query}"
    assert redacted(f"{url};/a/path") == f"https://host/{path}?...;/a/path"


@pytest.mark.parametrize("text", ["/data/a?b@c", "s3://bucket/a@b/c", "96,96", "http://h:1/x"])
def test_what_holds_no_secret_is_shown_as_it_is(text: str) -> None:
    assert redacted(text) == text
