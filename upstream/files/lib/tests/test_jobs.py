"""What jobs hand on: arguments, callables and hot-updated models."""

import json
import os
import tempfile
import unittest
import warnings
from pathlib import Path
from queue import Queue
from unittest import mock

from sedna.core.base import JobBase, ModelLoadingThread
from sedna.core.incremental_learning import IncrementalLearning


class Estimator:
    """Its model is a word in a text file."""

    def __init__(self, word=""):
        self.word = word
        self.loaded = Queue()

    def train(self, train_data, valid_data=None):
        self.word = train_data

    def predict(self, data, factor=1):
        return data * factor

    def save(self, model_url):
        Path(model_url).write_text(self.word)

    def load(self, model_url):
        self.loaded.put(model_url)


class JobsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        variables = mock.patch.dict(os.environ, {"BACKEND_TYPE": "UNKNOWN"})
        variables.start()
        self.addCleanup(variables.stop)

    def job(self, kind):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the backend's type is unknown
            job = kind(Estimator())
        job.config.model_url = str(self.folder)
        job.report_task_info = mock.Mock()
        return job

    def test_inference_hands_arguments_to_the_estimator(self):
        self.assertEqual(self.job(JobBase).inference(2, factor=3), 6)

    def test_train_takes_a_function_for_post_processing(self):
        job = self.job(IncrementalLearning)
        job.estimator.model_save_path = str(self.folder)
        result = job.train("data", post_process=lambda _: "processed")
        self.assertEqual(result, "processed")

    def test_a_hot_updated_model_keeps_its_suffix(self):
        model = self.folder / "model.ckpt"
        model.write_text("model")
        config = self.folder / "model_config.json"
        update = {"model_path": str(model), "model_update_time": "1 m=+2.5"}
        config.write_text(json.dumps({"model_config": update}))
        variables = {
            "MODEL_HOT_UPDATE_CONFIG": str(config),
            "MODEL_POLL_PERIOD_SECONDS": "1",
        }
        estimator = Estimator()
        with mock.patch.dict(os.environ, variables):
            thread = ModelLoadingThread(estimator)
        self.assertTrue(thread.daemon)
        thread.start()
        loaded = Path(estimator.loaded.get(timeout=10))
        thread.run_flag = False
        thread.join()
        self.assertEqual(loaded.name, "model.1 m=+2.5.ckpt")


if __name__ == "__main__":
    unittest.main()
