from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from tests.workers.infer.test_hard_examples import example
from workers.label.labelling import Counts
from workers.label.page import keys_of, render
from workers.label.settings import LabelSettings


def test_classes_get_digits_and_their_own_initials() -> None:
    assert keys_of(["croissant", "dog"]) == ["1c", "2d"]
    assert keys_of(["cat", "cow", "Dog"]) == ["1", "2", "3d"]
    assert keys_of(["7up", "dog"]) == ["1", "2d"]


@given(st.lists(st.text(min_size=1), min_size=2, max_size=40, unique=True))
def test_no_key_is_given_twice(names: list[str]) -> None:
    keys = "".join(keys_of(names))
    assert len(keys) == len(set(keys))


def test_names_stay_text() -> None:
    settings = LabelSettings.from_environment(
        {
            "HE_SAVED_URL": "/hard",
            "ORIGINAL_DATASET_URL": "/index.txt",
            "class_names": "<script>,dog",
            "JOB_NAME": "<b>job",
        }
    )
    text = render(settings, [example().model_copy(update={"image": '"><script>'})], Counts(1, 0, 0))
    scripts = _Tags()
    scripts.feed(text)
    assert scripts.count("script") == 1
    assert scripts.count("b") == 3


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parser's signature
        self.seen.append(tag)

    def count(self, tag: str) -> int:
        return self.seen.count(tag)
