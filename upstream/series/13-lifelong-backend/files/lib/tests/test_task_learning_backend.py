"""The objects of lifelong learning that hold estimators."""

import os
import unittest
from unittest import mock

from sedna.algorithms.unseen_task_processing import UnseenTaskProcessing
from sedna.backend import set_backend


class TaskLearningBackendTest(unittest.TestCase):
    def test_unseen_tasks_are_trained_without_data(self):
        for name in ("MINDSPORE", "TENSORFLOW", "TORCH"):
            with mock.patch.dict(os.environ, {"BACKEND_TYPE": name}):
                backend = set_backend(UnseenTaskProcessing(None))
            result, index = backend.train()
            self.assertEqual(result, {})
            self.assertEqual(index["task_groups"], [])


if __name__ == "__main__":
    unittest.main()
