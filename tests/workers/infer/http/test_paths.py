"""No name in a request becomes a path on the disk."""

from pathlib import Path

import pytest

from tests.workers.infer.conftest import Serve, encoded

NAMES = ["../../evil.jpg", "/tmp/evil.jpg", "..", ".hidden", "a\\..\\b.jpg", "x" * 300, "é\n.png"]  # noqa: S108 - only a name


@pytest.mark.parametrize("name", NAMES)
async def test_an_uploads_name_cannot_lead_out_of_the_folder(
    serve: Serve, tmp_path: Path, name: str
) -> None:
    before = set(tmp_path.rglob("*"))
    server = await serve()
    answer = await server.client.post("/classify", files={"file": (name, encoded("grey"))})
    assert answer.is_success
    server.recorder.close()
    written = set(tmp_path.rglob("*")) - before
    assert {path.suffix for path in written} == {".png", ".json"}
    assert {path.parent for path in written} == {tmp_path / "hard"}
    assert not any(path.name.startswith(".") for path in written)


@pytest.mark.parametrize("name", ["..%2F..%2Fmodel.onnx", "%2Fetc%2Fpasswd", "%2E%2E", "lamps%00"])
async def test_a_models_name_is_compared_and_never_opened(serve: Serve, name: str) -> None:
    server = await serve()
    for path in (f"/v2/models/{name}", f"/v2/models/lamps/versions/{name}"):
        answer = await server.client.get(path)
        assert answer.status_code == 404
        assert "root:" not in answer.text
