"""post_process of IncrementalLearning.train()."""

import os
import tempfile
import unittest
import warnings
from pathlib import Path
from unittest import mock

from sedna.core.incremental_learning import IncrementalLearning


class Estimator:
    def train(self, train_data, valid_data=None):
        return {}

    def save(self, model_url):
        Path(model_url).write_text("model")


class PostProcessTest(unittest.TestCase):
    def test_it_may_be_a_function(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        with mock.patch.dict(os.environ, {"BACKEND_TYPE": "UNKNOWN"}):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the type is unknown
                job = IncrementalLearning(Estimator())
        job.config.model_url = job.estimator.model_save_path = folder.name
        job.report_task_info = mock.Mock()
        result = job.train("data", post_process=lambda _: "processed")
        self.assertEqual(result, "processed")


if __name__ == "__main__":
    unittest.main()
