import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from backend.classifier.classes import HeadRows, SelectedClasses

names = st.lists(st.sampled_from("abcdef"), min_size=1, unique=True)


class Identity:
    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.run_with_features(batch)[0]

    def run_with_features(
        self, batch: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return batch.copy(), batch.copy()


@given(asked=names, known=names)
def test_each_class_gets_the_row_of_its_name_and_others_are_impossible(
    asked: list[str], known: list[str]
) -> None:
    logits = np.arange(len(known), dtype=np.float32)[np.newaxis]
    engine = SelectedClasses(Identity(), HeadRows.of(asked, known, {}))
    selected, features = engine.run_with_features(logits)
    expected = [known.index(name) if name in known else -np.inf for name in asked]
    assert selected.tolist() == engine.run(logits).tolist() == [expected]
    assert features.tolist() == logits.tolist()


@given(asked=names, known=names)
def test_a_head_is_its_own_only_with_the_same_classes_in_the_same_order(
    asked: list[str], known: list[str]
) -> None:
    assert HeadRows.of(asked, known, {}).is_own == (asked == known)


@given(asked=names, known=names)
def test_an_adapted_head_has_known_rows_and_initial_ones(
    asked: list[str], known: list[str]
) -> None:
    head = HeadRows.of(asked, known, {})
    old = np.arange(len(known), dtype=np.float32)[:, np.newaxis]
    adapted = head.adapt(old, np.full((len(asked), 1), -1, np.float32))
    expected = [float(known.index(name)) if name in known else -1.0 for name in asked]
    assert adapted[:, 0].tolist() == expected
    assert head.adapted.is_known.tolist() == [name in known for name in asked]


def test_a_head_of_another_width_is_not_used() -> None:
    initial = np.zeros((2, 3), np.float32)
    adapted = HeadRows.own(2).adapt(np.ones((2, 4), np.float32), initial)
    np.testing.assert_array_equal(adapted, initial)
