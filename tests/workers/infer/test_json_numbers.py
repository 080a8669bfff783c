"""Long arrays are read as the JSON parser would have, whatever surrounds them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.http.refusals import RequestError, TooLargeError
from workers.infer.json_numbers import without_numbers
from workers.infer.protocol import parse_request

NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.integers(-(10**6), 10**6)


def request(data: str, **more: object) -> bytes:
    shape = [data.count(",") + 1]
    head = json.dumps({"name": "input", "datatype": "FP32", "shape": shape, **more})
    return f'{{"inputs": [{head[:-1]}, "data": {data}}}]}}'.encode()


@given(st.lists(NUMBERS, min_size=1, max_size=50), st.sampled_from([None, 1, 3]))
def test_a_long_array_is_what_json_says(numbers: list[float], indent: int | None) -> None:
    many = numbers * (5000 // len(numbers) + 1)
    (tensor,) = parse_request(request(json.dumps(many, indent=indent))).inputs
    np.testing.assert_array_equal(tensor.values, np.array(many, np.float32))


def test_a_nested_array_is_read_row_by_row() -> None:
    rows = np.arange(30_000).reshape(100, 3, 100)
    (tensor,) = parse_request(request(json.dumps(rows.tolist()))).inputs
    np.testing.assert_array_equal(tensor.values, rows.ravel())


def test_pieces_end_between_numbers() -> None:
    numbers = [1 / 3] * 200_000
    rest, (array,) = without_numbers(request(json.dumps(numbers)))
    np.testing.assert_array_equal(array, np.float32(1 / 3))
    assert len(array) == len(numbers)
    assert len(rest) < 200


def test_the_arrays_of_two_inputs_are_not_mixed_up() -> None:
    one, two = (json.dumps([number] * 5000) for number in (1, 2))
    body = f'{{"inputs": [{{"name": "a", "shape": [5000], "datatype": "FP32", "data": {one}}},'
    body += f'{{"name": "b", "shape": [5000], "datatype": "FP32", "data": {two}}}]}}'
    first, second = parse_request(body.encode()).inputs
    assert (first.values[0], second.values[0]) == (1, 2)


def test_what_looks_like_an_array_within_a_text_stays_text() -> None:
    text = '\\"data\\": [' + "1," * 5000 + "1]"
    body = request("[1]").replace(b'"input"', f'"{text}"'.encode())
    (tensor,) = parse_request(body).inputs
    assert tensor.name.startswith('"data": [1,1')


@pytest.mark.parametrize(
    "data",
    [
        "[" + "1," * 5000 + "]",
        "[" + "1 1," * 5000 + "1]",
        "[" + "1," * 5000 + "1",
        "[" + "1" * 200_000 + "]",
        "[" + "1-1," * 5000 + "1]",
        "[" + "1," * 5000 + "x]",
    ],
)
def test_what_is_no_array_of_numbers_is_refused(data: str) -> None:
    with pytest.raises(RequestError):
        parse_request(request(data))


@pytest.mark.parametrize(
    "placeholder", ['{"numbers": 0}', '{"numbers": -1}', '{"numbers": "x"}', "{}"]
)
def test_a_placeholder_of_the_senders_own_is_refused(placeholder: str) -> None:
    with pytest.raises(RequestError, match="must be an array"):
        parse_request(request(placeholder))


@pytest.mark.parametrize("unit", ['{"":0}', "[]", "0", '"a"'])
def test_more_values_than_can_be_read_at_once_are_refused_unread(unit: str) -> None:
    body = b'{"inputs": [' + b",".join([unit.encode()] * 200_000) + b"]}"
    with pytest.raises(TooLargeError, match="100000 values"):
        parse_request(body)


def test_a_shape_of_very_many_axes_is_refused() -> None:
    with pytest.raises(RequestError, match="shape"):
        parse_request(request("[1]", shape=[10**18] * 100))
