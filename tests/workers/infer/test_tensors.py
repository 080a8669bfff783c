import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from workers.http.refusals import RequestError
from workers.infer.tensors import Tensor, from_binary, from_json, to_binary, to_json

floats = hnp.arrays(np.float32, hnp.array_shapes(), elements=st.floats(width=32, allow_nan=False))


@given(floats)
def test_numbers_come_back_from_both_forms(values: NDArray[np.float32]) -> None:
    tensor = Tensor("x", values)
    shape = values.shape
    assert np.array_equal(from_binary("x", "FP32", shape, to_binary(tensor)).values, values)
    assert np.array_equal(from_json("x", "FP32", shape, to_json(tensor)).values, values)
    assert np.array_equal(from_json("x", "FP32", shape, values.tolist()).values, values)


@given(st.lists(st.binary(), max_size=5))
def test_bytes_come_back_from_both_forms(elements: list[bytes]) -> None:
    values = np.empty(len(elements), dtype=object)
    values[:] = elements
    binary = to_binary(Tensor("x", values))
    assert from_binary("x", "BYTES", [len(elements)], binary).values.tolist() == elements
    texts = [base64.b64encode(each).decode() for each in elements]
    assert from_json("x", "BYTES", [len(elements)], texts).values.tolist() == elements


@given(st.binary(max_size=40), st.lists(st.integers(0, 5), max_size=3))
def test_any_bytes_are_a_tensor_or_a_wrong_request(data: bytes, shape: list[int]) -> None:
    for datatype in ("FP32", "BYTES", "BOOL"):
        try:
            tensor = from_binary("x", datatype, shape, data)
        except RequestError:
            continue
        assert list(tensor.values.shape) == shape
        assert tensor.datatype == datatype


def test_an_element_that_ends_early_is_refused() -> None:
    for data in (b"\1\0\0", b"\1\0\0\0", b"\xff\xff\xff\xffxx"):
        with pytest.raises(RequestError, match="end within"):
            from_binary("x", "BYTES", [1], data)


def test_booleans_are_a_byte_each() -> None:
    assert to_binary(Tensor("x", np.array([True, False]))) == b"\1\0"
