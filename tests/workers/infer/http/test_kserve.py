"""KServe's own client, where it is installed: its requirements are not those of this project."""

import numpy as np
import pytest

from tests.brightness_model import SIDE
from tests.workers.infer.conftest import encoded
from tests.workers.infer.http.worker import running, wait_until_ready

kserve = pytest.importorskip(
    "kserve",
    reason="KServe's client is not installed: run `make test-kserve`",
)


@pytest.mark.timeout(60)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("binary", [False, True])
async def test_kserves_client_works_unchanged(variables: dict[str, str], binary: bool) -> None:
    client = kserve.InferenceRESTClient(kserve.RESTConfig(protocol="v2"))
    with running(variables) as worker:
        wait_until_ready(worker)
        assert await client.is_server_live(worker.url)
        assert await client.is_server_ready(worker.url)
        assert await client.is_model_ready(worker.url, "lamps")

        tensor = kserve.InferInput("input", [2, 3, SIDE, SIDE], "FP32")
        values = np.full((2, 3, SIDE, SIDE), 2.0, np.float32)
        values[0] *= -1
        tensor.set_data_from_numpy(values, binary_data=binary)
        request = kserve.InferRequest(model_name="lamps", infer_inputs=[tensor])
        answer = await client.infer(worker.url, request, model_name="lamps")
        outputs = {output.name: output.as_numpy() for output in answer.outputs}
        assert outputs["label"].tolist() == ["dark", "bright"]
        assert outputs["probabilities"].sum(axis=1) == pytest.approx(1)

        pictures = kserve.InferInput("image", [1], "BYTES")
        content = np.array([encoded("bright")], dtype=object)
        pictures.set_data_from_numpy(content, binary_data=True)
        request = kserve.InferRequest(model_name="lamps", infer_inputs=[pictures])
        answer = await client.infer(worker.url, request, model_name="lamps")
        assert answer.outputs[1].as_numpy().tolist() == ["bright"]
    await client.close()
