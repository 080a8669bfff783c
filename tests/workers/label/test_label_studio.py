import json
from typing import Any

import pytest

from tests.workers.infer.test_hard_examples import example
from workers.http.refusals import RequestError
from workers.label.label_studio import by_name, labels_of, tasks

NAME = "night-0-6bea3d969ad1bf58.png"


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
    assert by_name(labels, {"a.png", "b.png", "c d.png", "e.png"}) == {
        "a.png": "dog",
        "b.png": "dog",
        "c d.png": "dog",
    }


@pytest.mark.parametrize(
    "address",
    [
        f"/data/upload/3/1a2b3c4d-{NAME}",
        f"http://page/pictures/{NAME}?token=a/b.png",
        f"/data/local-files/?d=x/{NAME}",
        f"/data/local-files/?d=x%2F{NAME}&w=2",
        f"s3://bucket/{NAME}",
        f"/tasks/1/presign/?fileuri=x&name={NAME}",
        f"http://page/pictures/{NAME}#2",
    ],
)
def test_a_picture_is_known_by_any_address_of_it(address: str) -> None:
    assert by_name({address: "dog"}, {NAME}) == {NAME: "dog"}


def test_a_name_that_begins_like_an_uploads_is_itself() -> None:
    names = {"1a2b3c4d-a.png", "a.png"}
    assert by_name({"/x/1a2b3c4d-a.png": "dog"}, names) == {"1a2b3c4d-a.png": "dog"}
    assert by_name({"/x/z.png": "dog"}, names) == {}


def result(choice: str, control: str = "label") -> dict[str, Any]:
    return {"type": "choices", "from_name": control, "value": {"choices": [choice]}}


def read(*annotations: dict[str, Any]) -> str | None:
    task = {"data": {"image": "a.png"}, "annotations": annotations}
    return labels_of(json.dumps([task]).encode()).get("a.png")


def test_only_the_control_named_label_tells_the_label() -> None:
    assert read({"result": [result("croissant", "background"), result("dog")]}) == "dog"
    assert read({"result": [result("croissant", "background")]}) is None


def test_a_ground_truth_comes_before_the_newest_annotation_and_that_before_the_last() -> None:
    newest = {"updated_at": "2026-11-25T10:00:00Z", "result": [result("dog")]}
    older = {"updated_at": "2026-11-24T10:00:00Z", "result": [result("cat")]}
    assert read(newest, older) == "dog"
    assert read({**newest, "was_cancelled": True}, older) == "cat"
    assert read({**older, "ground_truth": True}, newest) == "cat"


def test_a_field_that_is_null_is_as_if_it_were_not_there() -> None:
    assert read({"was_cancelled": None, "ground_truth": None, "result": [result("dog")]}) == "dog"


@pytest.mark.parametrize("content", [b"", b"{}", b'[{"image": "a.png"}]', b"\xff"])
def test_another_format_is_refused(content: bytes) -> None:
    with pytest.raises(RequestError, match="Label Studio"):
        labels_of(content)
