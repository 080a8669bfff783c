"""The thread that updates a model while its worker runs."""

import unittest

from sedna.core.base import ModelLoadingThread


class ThreadTest(unittest.TestCase):
    def test_the_thread_does_not_keep_a_finished_worker_alive(self):
        self.assertTrue(ModelLoadingThread(None).daemon)


if __name__ == "__main__":
    unittest.main()
