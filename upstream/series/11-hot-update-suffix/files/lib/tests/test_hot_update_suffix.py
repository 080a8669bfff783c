"""A model that is updated while its worker runs: its name."""

import json
import os
import tempfile
import unittest
from pathlib import Path
from queue import Queue
from unittest import mock

from sedna.core.base import ModelLoadingThread


class Estimator:
    def __init__(self):
        self.loaded = Queue()

    def load(self, model_url):
        self.loaded.put(Path(model_url).name)


class SuffixTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def thread(self, estimator):
        model = self.folder / "model.ckpt"
        model.write_text("model")
        config = self.folder / "model_config.json"
        update = {"model_path": str(model), "model_update_time": "1 m=+2.5"}
        config.write_text(json.dumps({"model_config": update}))
        variables = {
            "MODEL_HOT_UPDATE_CONFIG": str(config),
            "MODEL_POLL_PERIOD_SECONDS": "1",
        }
        with mock.patch.dict(os.environ, variables):
            return ModelLoadingThread(estimator)

    def test_it_keeps_its_suffix(self):
        estimator = Estimator()
        thread = self.thread(estimator)
        thread.daemon = True
        thread.start()
        name = estimator.loaded.get(timeout=10)
        thread.run_flag = False
        thread.join()
        self.assertEqual(name, "model.1 m=+2.5.ckpt")


if __name__ == "__main__":
    unittest.main()
