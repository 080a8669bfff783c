"""The thread that updates a model while its worker runs."""

import os
import unittest
from unittest import mock

from sedna.core.base import ModelLoadingThread


class ThreadTest(unittest.TestCase):
    @mock.patch.dict(os.environ, {"MODEL_HOT_UPDATE_CONFIG": "config.json"})
    def test_the_thread_does_not_keep_a_finished_worker_alive(self):
        self.assertTrue(ModelLoadingThread(None).daemon)


if __name__ == "__main__":
    unittest.main()
