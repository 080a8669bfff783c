import asyncio
import base64
import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.routing import Route

from backend.models import model_file
from backend.models.model_file import ModelCard
from tests.brightness_model import SIDE
from tests.workers.infer.conftest import Serve, Server, encoded, noise
from workers.data.answers import HardExample

MODEL = "/v2/models/lamps"


async def infer_pictures(server: Server, *pictures: bytes, **request: Any) -> dict[str, Any]:
    data = [base64.b64encode(picture).decode() for picture in pictures]
    tensor = {"name": "image", "datatype": "BYTES", "shape": [len(data)], "data": data}
    response = await server.client.post(f"{MODEL}/infer", json={"inputs": [tensor], **request})
    assert response.status_code == HTTPStatus.OK, response.text
    answer: dict[str, Any] = response.json()
    return answer


def error_of(response: Any, status: HTTPStatus) -> str:
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error"}
    return str(response.json()["error"])


async def test_the_server_and_its_model_describe_themselves(server: Server) -> None:
    assert (await server.client.get("/v2")).json()["extensions"] == [
        "binary_tensor_data",
        "classification",
        "model_configuration",
        "statistics",
    ]
    model = (await server.client.get(MODEL)).json()
    version = server.slot.required.version
    assert (model["name"], model["versions"]) == ("lamps", [version])
    assert model["inputs"][0] == {"name": "input", "datatype": "FP32", "shape": [-1, 3, SIDE, SIDE]}
    assert (await server.client.get(f"{MODEL}/versions/{version}")).json() == model


async def test_ready_means_with_a_model_and_until_it_ends(
    serve: Serve, variables: dict[str, str]
) -> None:
    server = await serve(load=False)
    for path in ("/v2/health/ready", f"{MODEL}/ready"):
        unready = await server.client.get(path)
        assert (unready.status_code, unready.json()["ready"]) == (503, False)
    refused = await server.client.post("/classify", content=encoded())
    assert refused.headers["Retry-After"] == "1"
    error_of(refused, HTTPStatus.SERVICE_UNAVAILABLE)
    server.slot.load(Path(variables["MODEL_URL"]))
    for path in ("/v2/health/ready", f"{MODEL}/ready"):
        assert (await server.client.get(path)).json()["ready"] is True
    server.stop.set()
    assert (
        await server.client.get("/v2/health/ready")
    ).status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert (await server.client.get("/v2/health/live")).json() == {"live": True}
    assert (await server.client.post("/classify", content=encoded())).is_success


async def test_pictures_are_answered_in_their_order(server: Server) -> None:
    answer = await infer_pictures(
        server, encoded("dark"), encoded("bright"), encoded("grey"), id="7"
    )
    outputs = {output["name"]: output for output in answer["outputs"]}
    assert answer["id"] == "7"
    assert answer["model_version"] == server.slot.required.version
    assert outputs["label"]["data"][:2] == ["dark", "bright"]
    assert outputs["hard"]["data"] == [False, False, True]
    probabilities = np.reshape(outputs["probabilities"]["data"], outputs["probabilities"]["shape"])
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-6)


async def test_only_the_outputs_that_are_asked_for_come(server: Server) -> None:
    answer = await infer_pictures(server, encoded(), outputs=[{"name": "label"}])
    assert [output["name"] for output in answer["outputs"]] == ["label"]


async def test_hard_pictures_are_kept_under_their_name(
    server: Server, variables: dict[str, str]
) -> None:
    grey = ("kitchen.jpeg", encoded("grey"))
    answer = (await server.client.post("/classify", files={"file": grey})).json()
    await server.client.post("/classify", files={"file": ("dark.png", encoded("dark"))})
    assert (answer["hard"], answer["miner"]) == (True, "CrossEntropy")
    server.recorder.close()
    (picture,) = Path(variables["HE_SAVED_URL"]).glob("*.png")
    assert picture.name.startswith("kitchen-")
    assert picture.read_bytes() == grey[1]
    kept = HardExample.model_validate_json(picture.with_suffix(".json").read_bytes())
    assert len(kept.direction) == 3


@pytest.mark.parametrize("form", [True, False])
async def test_curl_can_classify(server: Server, form: bool) -> None:
    body: dict[str, Any] = {"files": {"f": encoded()}} if form else {"content": encoded()}
    answer = (await server.client.post("/classify", **body)).json()
    assert (answer["label"], answer["model_version"]) == ("dark", server.slot.required.version)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/models/other", HTTPStatus.NOT_FOUND),
        ("/v2/models/lamps/versions/0", HTTPStatus.NOT_FOUND),
        ("/v2/models/other/ready", HTTPStatus.NOT_FOUND),
        ("/v2/nothing", HTTPStatus.NOT_FOUND),
        ("/classify", HTTPStatus.METHOD_NOT_ALLOWED),
    ],
)
async def test_what_there_is_not_is_an_error_of_the_protocol(
    server: Server, path: str, status: HTTPStatus
) -> None:
    error_of(await server.client.get(path), status)


def tensor(**changes: Any) -> dict[str, Any]:
    data = np.zeros((1, 3, SIDE, SIDE)).ravel().tolist()
    shape = [1, 3, SIDE, SIDE]
    return {"name": "input", "datatype": "FP32", "shape": shape, "data": data} | changes


async def test_a_tensor_is_answered(server: Server) -> None:
    response = await server.client.post(f"{MODEL}/infer", json={"inputs": [tensor()]})
    assert response.json()["outputs"][0]["data"] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("inputs", "hint"),
    [
        ([], "inputs"),
        ([tensor(name="x")], "input or image"),
        ([tensor(), tensor()], "one input"),
        ([tensor(datatype="FP64")], "FP64"),
        ([tensor(shape=[1, 3, SIDE, 1])], "shape"),
        ([tensor(shape=[0, 3, SIDE, SIDE], data=[])], "shape"),
        ([tensor(data=["1"] * 3 * SIDE * SIDE)], "data"),
        ([tensor(data=[[1], [1, 2]])], "data"),
        ([tensor(data=None)], "data"),
        ([tensor(data=[1e39] * 3 * SIDE * SIDE)], "not numbers"),
        ([tensor(data=[3e38] * 3 * SIDE * SIDE)], "not finite"),
        ([tensor(parameters={"binary_data_size": 10**9})], "binary_data_size"),
        ([tensor(parameters={"binary_data_size": "4"})], "binary_data_size"),
        ([{"name": "image", "datatype": "BYTES", "shape": [1], "data": ["ä"]}], "Base64"),
        ([{"name": "image", "datatype": "BYTES", "shape": [1], "data": ["AAAA"]}], "read"),
        ([{"name": "image", "datatype": "BYTES", "shape": [2], "data": ["AAAA"]}], "shape"),
        ([{"name": "image", "datatype": "BYTES", "shape": [0], "data": []}], "[N]"),
        ([{"name": "image", "datatype": "FP32", "shape": [1], "data": [1]}], "BYTES"),
    ],
)
async def test_a_wrong_request_is_told_what_is_wrong(
    server: Server, inputs: list[dict[str, Any]], hint: str
) -> None:
    response = await server.client.post(f"{MODEL}/infer", json={"inputs": inputs})
    assert hint in error_of(response, HTTPStatus.BAD_REQUEST)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 10_000, b"null", b'{"inputs": 1}', b"\xff"])
async def test_what_is_no_json_request_is_refused(server: Server, body: bytes) -> None:
    error_of(await server.client.post(f"{MODEL}/infer", content=body), HTTPStatus.BAD_REQUEST)


@pytest.mark.parametrize("length", ["-1", "1e3", "999", "9" * 5000])
async def test_a_wrong_json_length_is_refused(server: Server, length: str) -> None:
    headers = {"Inference-Header-Content-Length": length}
    response = await server.client.post(f"{MODEL}/infer", content=b"{}", headers=headers)
    error_of(response, HTTPStatus.BAD_REQUEST)


async def _chunks(chunk: bytes) -> AsyncIterator[bytes]:
    yield chunk
    yield chunk


async def test_a_body_that_is_too_large_is_not_read(serve: Serve) -> None:
    server = await serve(request_mebibytes="1")
    large = bytes(1024**2 + 1)
    error_of(
        await server.client.post("/classify", content=large), HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    )
    chunks = await server.client.post("/classify", content=_chunks(large[:700_000]))
    error_of(chunks, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


async def test_more_images_than_fit_are_refused_for_good(serve: Serve) -> None:
    server = await serve(queue_size="1")
    request = {"inputs": [tensor(shape=[2, 3, SIDE, SIDE], data=[0] * 6 * SIDE * SIDE)]}
    response = await server.client.post(f"{MODEL}/infer", json=request)
    assert "at most 1" in error_of(response, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


async def test_a_form_without_a_file_is_refused(server: Server) -> None:
    response = await server.client.post("/classify", files={"a": (None, "text")})
    assert "no file" in error_of(response, HTTPStatus.BAD_REQUEST)
    headers = {"Content-Type": "multipart/form-data"}
    response = await server.client.post("/classify", content=b"x", headers=headers)
    error_of(response, HTTPStatus.BAD_REQUEST)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_compressed_body_is_answered(server: Server, encoding: str) -> None:
    picture = encoded("bright")
    content = gzip.compress(picture) if encoding == "gzip" else zlib.compress(picture)
    headers = {"Content-Encoding": encoding}
    answer = await server.client.post("/classify", content=content, headers=headers)
    assert answer.json()["label"] == "bright"
    unknown = {"Content-Encoding": "br"}
    refused = await server.client.post("/classify", content=content, headers=unknown)
    assert "br" in error_of(refused, HTTPStatus.BAD_REQUEST)


@pytest.mark.parametrize(("sent", "echoed"), [(None, ""), (7, "7"), ("a", "a")])
async def test_an_id_may_be_a_number_or_null(server: Server, sent: object, echoed: str) -> None:
    assert (await infer_pictures(server, encoded(), id=sent))["id"] == echoed


async def test_base64_may_have_line_breaks(server: Server) -> None:
    data = [base64.encodebytes(encoded("bright")).decode()]
    sent = {"name": "image", "datatype": "BYTES", "shape": [1], "data": data}
    answer = (await server.client.post(f"{MODEL}/infer", json={"inputs": [sent]})).json()
    assert answer["outputs"][1]["data"] == ["bright"]


@pytest.mark.parametrize("data", ["=", "A", "AA==AAAA", "AA-_", "é", "A" * 2**20 + "=", 7])
async def test_what_is_not_base64_is_refused(server: Server, data: object) -> None:
    sent = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [data]}
    response = await server.client.post(f"{MODEL}/infer", json={"inputs": [sent]})
    assert "Base64" in error_of(response, HTTPStatus.BAD_REQUEST)


async def test_the_likeliest_classes_come_as_text(server: Server) -> None:
    wanted = {"name": "probabilities", "parameters": {"classification": 1}}
    answer = await infer_pictures(server, encoded("dark"), encoded("bright"), outputs=[wanted])
    (output,) = answer["outputs"]
    assert (output["datatype"], output["shape"]) == ("BYTES", [2, 1])
    assert [text.split(":")[1:] for text in output["data"]] == [["0", "dark"], ["1", "bright"]]
    assert float(output["data"][0].split(":")[0]) > 0.5


@pytest.mark.parametrize(
    "output",
    [
        {"name": "label", "parameters": {"classification": 1}},
        {"name": "probabilities", "parameters": {"classification": -1}},
        {"name": "probabilities", "parameters": {"classification": "2"}},
    ],
)
async def test_a_classification_that_cannot_be_is_refused(
    server: Server, output: dict[str, Any]
) -> None:
    request = {"inputs": [tensor()], "outputs": [output]}
    response = await server.client.post(f"{MODEL}/infer", json=request)
    assert "classification" in error_of(response, HTTPStatus.BAD_REQUEST)


async def test_what_clients_ask_for_beside_answers_is_there(server: Server) -> None:
    assert (await server.client.get("/v2/")).json() == (await server.client.get("/v2")).json()
    await infer_pictures(server, encoded())
    await server.client.post(f"{MODEL}/infer", content=b"{")
    version = server.slot.required.version
    config = (await server.client.get(f"{MODEL}/versions/{version}/config")).json()
    assert config["input"][1] == {"name": "image", "data_type": "TYPE_STRING", "dims": [-1]}
    for path in (f"{MODEL}/stats", f"{MODEL}/versions/{version}/stats", "/v2/models/stats"):
        (statistics,) = (await server.client.get(path)).json()["model_stats"]
        assert (statistics["version"], statistics["inference_count"]) == (version, 1)
        outcomes = statistics["inference_stats"]
        assert (outcomes["success"]["count"], outcomes["fail"]["count"]) == (1, 1)
        assert outcomes["success"]["ns"] > 0
    (model,) = (await server.client.post("/v2/repository/index", json={})).json()
    assert (model["name"], model["version"], model["state"]) == ("lamps", version, "READY")
    for path in ("/v2/models/other/config", "/v2/models/other/stats"):
        error_of(await server.client.get(path), HTTPStatus.NOT_FOUND)


async def test_without_the_token_only_probes_are_answered(serve: Serve) -> None:
    client = (await serve(http_token="s3cret")).client  # noqa: S106 - of this test
    assert (await client.get("/v2/health/ready")).is_success
    for headers in ({}, {"Authorization": "Bearer s3cre"}, {"Authorization": "Basic s3cret"}):
        refused = await client.get("/v2", headers=headers)
        assert refused.headers["WWW-Authenticate"] == "Bearer"
        error_of(refused, HTTPStatus.UNAUTHORIZED)
    assert (await client.get("/metrics")).status_code == HTTPStatus.UNAUTHORIZED
    assert (await client.get("/v2", headers={"Authorization": "bearer s3cret"})).is_success


async def test_a_rollback_serves_the_model_before(
    server: Server, make_model: Callable[..., Path], tmp_path: Path
) -> None:
    refused = await server.client.post(f"{MODEL}/rollback")
    assert "no previous model" in error_of(refused, HTTPStatus.BAD_REQUEST)
    first = server.slot.required.version
    server.slot.load(make_model(tmp_path / "wrong.onnx", sharpness=-4.0))
    assert (await infer_pictures(server, encoded("dark")))["outputs"][1]["data"] == ["bright"]
    error_of(await server.client.get(f"{MODEL}/versions/{first}"), HTTPStatus.NOT_FOUND)
    assert (await server.client.post(f"{MODEL}/rollback")).json()["version"] == first
    assert (await infer_pictures(server, encoded("dark")))["outputs"][1]["data"] == ["dark"]


async def test_prometheus_reads_what_happened(server: Server) -> None:
    await infer_pictures(server, encoded("dark"), encoded("dark"), encoded("grey"))
    await server.client.post("/classify", content=b"no picture")
    families = text_string_to_metric_families((await server.client.get("/metrics")).text)
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }
    assert samples["inference_requests_total", "infer", "200"] == 1
    assert samples["inference_requests_total", "classify", "400"] == 1
    assert samples["inference_images_total", "dark"] >= 2
    assert samples["inference_hard_images_total",] == 1
    assert samples["inference_batch_images_sum",] == 3
    assert samples["inference_batch_seconds_count",] == samples["inference_batch_images_count",]
    assert samples["inference_batch_seconds_sum",] > 0
    assert samples["inference_request_seconds_count", "infer"] == 1
    assert samples["inference_model_info", server.slot.required.version] == 1
    assert samples["inference_model_age_seconds",] >= 0
    assert samples["inference_queue_images",] == 0
    assert 0.5 < samples["inference_confidence_sum",] / samples["inference_confidence_count",] < 1


async def test_drift_shows_once_two_windows_are_full(server: Server) -> None:
    async def drift() -> list[str]:
        text = (await server.client.get("/metrics")).text
        return [line for line in text.splitlines() if line.startswith("inference_drift_psi")]

    dark, grey = [encoded("dark")] * 50, [encoded("grey")] * 50
    for _ in range(10):
        await infer_pictures(server, *dark)
    assert await drift() == []
    for _ in range(10):
        await infer_pictures(server, *grey)
    (line,) = await drift()
    assert line.startswith('inference_drift_psi{reference="first_answers"}')
    assert float(line.split()[1]) > 0.25


async def test_drift_is_told_from_the_evaluation_where_the_card_has_it(
    serve: Serve, variables: dict[str, str]
) -> None:
    model = Path(variables["MODEL_URL"])
    card = ModelCard(("dark", "bright"), SIDE, confidence=(*[0] * 9, 200))
    model_file.write(model, model.read_bytes(), card)
    server = await serve()
    for _ in range(10):
        await infer_pictures(server, *[encoded("grey")] * 50)
    text = (await server.client.get("/metrics")).text
    (line,) = (each for each in text.splitlines() if each.startswith("inference_drift_psi"))
    assert line.startswith('inference_drift_psi{reference="evaluation"}')
    assert float(line.split()[1]) > 0.25


async def test_the_openapi_document_has_every_route(server: Server) -> None:
    document = (await server.client.get("/openapi.json")).json()
    routes = {route.path for route in server.app.routes if isinstance(route, Route)}
    assert set(document["paths"]) == routes


async def test_pictures_of_one_name_do_not_meet(server: Server) -> None:
    labels = [
        (await infer_pictures(server, noise(seed)))["outputs"][0]["data"] for seed in range(3)
    ]
    assert len({tuple(label) for label in labels}) == 3


async def test_while_a_model_of_more_classes_takes_over_every_request_is_answered(
    server: Server, tmp_path: Path, make_model: Callable[..., Path]
) -> None:
    payload = make_model(tmp_path / "raw.onnx", classes=4).read_bytes()
    names = ("dark", "bright", "grey", "glare")
    model_file.write(tmp_path / "four.onnx", payload, ModelCard(names, SIDE))
    asking = [asyncio.create_task(infer_pictures(server, encoded("bright"))) for _ in range(20)]
    await asyncio.to_thread(server.slot.load, tmp_path / "four.onnx")
    asking += [asyncio.create_task(infer_pictures(server, encoded("bright"))) for _ in range(20)]

    answers = await asyncio.gather(*asking)

    shapes = [answer["outputs"][0]["shape"] for answer in answers]
    assert set(map(tuple, shapes)) <= {(1, 2), (1, 4)}
    assert all(shape == [1, 4] for shape in shapes[20:])
    metadata = (await server.client.get(MODEL)).json()
    assert metadata["outputs"][0]["shape"] == [-1, 4]
    example = (await server.client.post("/classify", content=encoded("dark"))).json()
    assert tuple(example["probabilities"]) == names


async def test_a_renamed_class_is_answered_under_its_new_name(
    serve: Serve, tmp_path: Path, make_model: Callable[..., Path]
) -> None:
    payload = make_model(tmp_path / "raw.onnx").read_bytes()
    model_file.write(tmp_path / "old.onnx", payload, ModelCard(("night", "bright"), SIDE))
    server = await serve(MODEL_URL=str(tmp_path / "old.onnx"), renamed_classes="night=dark")
    answer = (await server.client.post("/classify", content=encoded("dark"))).json()
    assert answer["label"] == "dark"
