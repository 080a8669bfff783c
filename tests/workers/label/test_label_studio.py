import json
from typing import Any

import pytest

from tests.workers.infer.test_hard_examples import example
from workers.http.refusals import RequestError
from workers.label.label_studio import labels_of, tasks


def annotated(url: str, *annotations: tuple[str, bool]) -> dict[str, Any]:
    """Return a task as Label Studio exports it, with the fields that matter and some others."""
    return {
        "id": 1,
        "data": {"image": url},
        "annotations": [
            {
                "id": number,
                "completed_by": 1,
                "was_cancelled": cancelled,
                "lead_time": 2.5,
                "result": [
                    {
                        "id": "x",
                        "type": "choices",
                        "origin": "manual",
                        "to_name": "image",
                        "from_name": "label",
                        "value": {"choices": [choice]},
                    }
                ],
            }
            for number, (choice, cancelled) in enumerate(annotations)
        ],
    }


def test_a_task_has_its_picture_and_prediction() -> None:
    (task,) = tasks([example().model_copy(update={"image": "a.png"})], "http://page/pictures")
    assert task["data"] == {"image": "http://page/pictures/a.png"}
    (prediction,) = task["predictions"]
    assert (prediction["score"], prediction["model_version"]) == (0.6, "0123456789ab")
    assert prediction["result"][0]["value"] == {"choices": ["dark"]}


def test_exported_labels_are_read_whatever_the_pictures_address() -> None:
    export = [
        annotated("http://page/pictures/a.png", ("dog", False)),
        annotated("/data/local-files/?d=x/b.png", ("dog", False)),
        annotated("/data/upload/1/c%20d.png", ("cat", False), ("dog", False), ("cow", True)),
        annotated("http://page/pictures/e.png"),
    ]
    labels = labels_of(json.dumps(export).encode())
    assert labels == {"a.png": "dog", "b.png": "dog", "c d.png": "dog"}


@pytest.mark.parametrize("content", [b"", b"{}", b'[{"image": "a.png"}]', b"\xff"])
def test_another_format_is_refused(content: bytes) -> None:
    with pytest.raises(RequestError, match="Label Studio"):
        labels_of(content)
