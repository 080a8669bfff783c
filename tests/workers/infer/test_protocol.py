import json

import pytest

from workers.http.refusals import RequestError
from workers.infer.protocol import parse_request


def asked(shape: list[int]) -> bytes:
    sent = {"name": "input", "datatype": "FP32", "shape": shape, "data": [1.5]}
    return json.dumps({"inputs": [sent]}).encode()


def test_a_shape_has_at_most_32_axes() -> None:
    [tensor] = parse_request(asked([1] * 32)).inputs
    assert tensor.values.shape == (1,) * 32
    with pytest.raises(RequestError, match=r"wrong at inputs\.0\.shape: .*at most 32 items"):
        parse_request(asked([1] * 33))


def test_the_product_of_many_sides_is_not_computed() -> None:
    with pytest.raises(RequestError, match="at most 32 items"):
        parse_request(asked([2**62] * 50_000))
