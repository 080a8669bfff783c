"""The page of files: where the workers and the runner keep what, and what is in them."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from docs.tools.fields import fields
from docs.tools.markdown import code, page, prose, table
from workers.contract import (
    MODEL_HOT_UPDATE_FILE,
    MODEL_HOT_UPDATE_FOLDER,
    ModelConfig,
    ModelResult,
    WorkerMessage,
    message_path,
)
from workers.held_out import HELD_OUT_FILE, HeldOut
from workers.hot_update import REPORTED_UPDATE_FILE
from workers.infer.answers import Answer, HardExample, Rejection
from workers.infer.inbox import DONE_FOLDER, REJECTED_FOLDER
from workers.outbox import TRAIN_REPORT_FILE, KeptReport
from workers.quarantine import EVAL_QUARANTINE_FILE, TRAIN_QUARANTINE_FILE
from workers.replay import SAMPLES_FILE
from workers.train.training import STATE_FILE

__all__ = ["files_page"]

_INTRODUCTION = """\
Every file that somebody else reads is written whole or not at all: to a temporary file in the
same folder, then renamed. The LocalController (LC) does not do so; those are marked."""

_INDEX = """\
## Index files

The `url` of a `Dataset`, `data.txt` of a round and `samples.txt` are index files: UTF-8, one
sample a line, `path label`. The label is the last field, a name of `class_names` or its number;
the path may hold blanks and is relative to the folder of the `Dataset`'s file. Blank lines are
passed over; a line has at most 4096 characters, a file at most 1 GiB. Append whole lines: a last
line without an end is not read yet.

```text
pictures/17.jpg croissant
pictures/a dog.png dog
```"""


@dataclass(frozen=True)
class _File:
    path: str
    writer: str
    content: str


def files_page() -> str:
    """Return the page."""
    message = f"`POST {{LC_SERVER}}{message_path('{WORKER_NAME}')}`"
    return page(
        "Files and messages",
        _INTRODUCTION,
        f"## Under `outputDir`\n\n{_files(_OUTPUT)}",
        f"## Beside the inference worker\n\n{_files(_SERVING)}",
        _INDEX,
        _fields("An answer", f"`{DONE_FOLDER}/<image>.json`", Answer),
        _fields("A hard example", "`<name>-<digest>.json` in `HE_SAVED_URL`", HardExample),
        _fields("A rejection", f"`{REJECTED_FOLDER}/<image>.json`", Rejection),
        _fields("A worker's report on disk", f"`{TRAIN_REPORT_FILE}`", KeptReport),
        _fields("A worker's message", message, WorkerMessage, ModelResult),
        _fields(
            "The hot update's file",
            f"`{MODEL_HOT_UPDATE_FILE}`, under the key `model_config`; written by the LC, in place",
            ModelConfig,
        ),
    )


_OUTPUT = (
    _File("data/train/N/data.txt", "LC", "The index of round N's training samples."),
    _File("data/eval/N/data.txt", "LC", "The index of round N's evaluation samples."),
    _File("train/N/model.FORMAT", "train", "The trained model, one file for each format."),
    _File(f"train/N/{SAMPLES_FILE}", "train", "What round N trained on, for later replay."),
    _File(
        f"train/N/{TRAIN_QUARANTINE_FILE}",
        "train",
        "What could not be read and was left out: `path,reason`.",
    ),
    _File(f"train/N/{EVAL_QUARANTINE_FILE}", "eval", "The same of the evaluation samples."),
    _File(
        f"train/N/{HELD_OUT_FILE}",
        "train, eval",
        "What rounds 1 to N were asked, and what the last five were judged on:"
        f" `{','.join(HeldOut._fields)}`.",
    ),
    _File(f"train/N/{TRAIN_REPORT_FILE}", "train", "The report, before and after its delivery."),
    _File(f"train/N/{STATE_FILE}", "train", "The training's state; removed when it is done."),
    _File("iljob/", "iljob", "The runner's own; see [standalone](../standalone.md)."),
)

_SERVING = (
    _File("INFER_URL/*", "users", "Images that wait for an answer."),
    _File(f"INFER_URL/{DONE_FOLDER}/", "infer", "Answered images, each with its answer."),
    _File(f"INFER_URL/{REJECTED_FOLDER}/", "infer", "What is no image, each with the reason."),
    _File("HE_SAVED_URL/", "infer", "Hard examples, each with its sidecar."),
    _File(f"{MODEL_HOT_UPDATE_FOLDER}/{MODEL_HOT_UPDATE_FILE}", "LC", "Names the newest model."),
    _File(
        f"{MODEL_HOT_UPDATE_FOLDER}/{REPORTED_UPDATE_FILE}",
        "infer",
        "The update that the LC has been told of.",
    ),
)


def _files(files: Sequence[_File]) -> str:
    rows = [(code(each.path), each.writer, each.content) for each in files]
    return table(["file", "written by", "content"], rows)


def _fields(title: str, where: str, *models: type[BaseModel]) -> str:
    tables = [_table(each, is_part=number > 0) for number, each in enumerate(models)]
    return "\n\n".join([f"## {title}", where, *tables])


def _table(model: type[BaseModel], *, is_part: bool) -> str:
    rows = [
        (code(each.name), each.type, "" if each.is_required else "optional", each.description)
        for each in fields(model)
    ]
    heading = f"### {model.__name__}\n\n" if is_part else ""
    return f"{heading}{prose(model.__doc__)}\n\n{table(['key', 'type', '', 'meaning'], rows)}"
