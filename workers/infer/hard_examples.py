"""Hard examples are kept for a person to label: the picture and a JSON file beside it."""

import hashlib
from pathlib import Path

from backend.files import write_atomically
from workers.infer.answers import Answer, HardExample

__all__ = ["save_hard_example"]


def save_hard_example(folder: Path, picture: Path, answer: Answer) -> Path:
    """Copy the picture into ``folder`` and return the copy's path.

    The name holds the content's digest, so that the same picture is kept once and what a person
    has written of it stays. The JSON file comes last: a picture that has one is complete.
    """
    data = picture.read_bytes()
    name = f"{picture.stem}-{hashlib.sha256(data).hexdigest()[:8]}"
    copy, sidecar = folder / f"{name}{picture.suffix}", folder / f"{name}.json"
    if not sidecar.exists():
        example = HardExample.model_validate(answer.model_dump() | {"image": copy.name})
        write_atomically(copy, data)
        write_atomically(sidecar, example.to_json())
    return copy
