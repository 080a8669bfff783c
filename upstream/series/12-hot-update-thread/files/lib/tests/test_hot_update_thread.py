"""A model that is updated while its worker runs: its thread."""

import json
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from sedna.core.base import ModelLoadingThread


class ThreadTest(unittest.TestCase):
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

    def test_the_thread_does_not_keep_a_finished_worker_alive(self):
        self.assertTrue(self.thread(None).daemon)


if __name__ == "__main__":
    unittest.main()
