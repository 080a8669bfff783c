"""The worker of a LifelongLearningJob: ``job.py train``, ``job.py eval`` or ``job.py infer``.

Its samples are CSV files: the camera, 64 pixel values, and the digit where it is known. Each
camera is a task with a model of its own.
"""

import os
import sys
from typing import Any

import pandas as pd
from estimator import Estimator

from backend import register_with_sedna

register_with_sedna()
from sedna.algorithms.seen_task_learning.task_update_decision.base_task_update_decision import (  # noqa: E402
    BaseTaskUpdateDecision,
)
from sedna.common.class_factory import ClassFactory, ClassType  # noqa: E402
from sedna.core.lifelong_learning import LifelongLearning  # noqa: E402
from sedna.datasources import BaseDataSource  # noqa: E402

BY_CAMERA = {"attribute": ["camera"]}


def source(data_type: str, x: Any, y: Any = None) -> Any:
    """Return a data source of the SDK's."""
    made = BaseDataSource(data_type)
    made.x, made.y = x, y
    return made


def read(data_type: str, url: str) -> Any:
    """Return the samples of a CSV file."""
    table = pd.read_csv(url)
    digits = table.pop("digit") if "digit" in table else None
    return source(data_type, table, digits)


@ClassFactory.register(ClassType.UTD)
def everything_is_seen(*_: Any, **__: Any) -> Any:
    """Take every sample for one of a known task; the SDK's default does so with each second."""
    return lambda samples, **_: (samples, source(samples.data_type, []))


@ClassFactory.register(ClassType.KM)
class TrainEveryTask(BaseTaskUpdateDecision):  # type: ignore[misc]
    """Trains each task on with the new samples of its camera; the SDK's default is missing."""

    def __call__(self, samples: Any, task_type: str) -> tuple[list[Any], dict[str, Any]]:
        """Return the tasks to train on, and no strategies."""
        groups = self.task_index[task_type][self.task_group_key]
        # The SDK has made an array of the table: the camera comes first.
        table = pd.DataFrame(samples.x)
        for group in groups:
            is_own = table[0] == group.tasks[0].meta_attr[0]
            pixels = table[is_own].drop(columns=0).astype(float)
            group.tasks[0].samples = source("train", pixels, samples.y[is_own])
        return [group.tasks[0] for group in groups], {}


job = LifelongLearning(
    Estimator,
    task_definition={"method": "TaskDefinitionByDataAttr", "param": BY_CAMERA},
    task_allocation={"method": "TaskAllocationByDataAttr", "param": BY_CAMERA},
    task_update_decision={"method": "TrainEveryTask"},
    unseen_sample_recognition={"method": "everything_is_seen"},
)
match sys.argv[1]:
    case "train":
        job.train(read("train", os.environ["TRAIN_DATASET_URL"]))
    case "eval":
        job.evaluate(read("eval", os.environ["TEST_DATASET_URL"]), metrics="accuracy_score")
    case "infer":
        for line in map(str.rstrip, sys.stdin):
            digits, _, _ = job.inference(read("test", line))
            print(*digits, flush=True)
