"""MSBackend trains on from the model that the job names."""

import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from sedna.backend import set_backend
from tests.mindspore_estimators import (
    HAS_MINDSPORE,
    NO_MINDSPORE,
    Estimator,
    saved,
)


@unittest.skipUnless(HAS_MINDSPORE, NO_MINDSPORE)
class FinetuneTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.base = saved(self.folder, 3.0, "base.ckpt")
        variables = mock.patch.dict(
            os.environ,
            {"BACKEND_TYPE": "MINDSPORE", "BASE_MODEL_URL": self.base},
        )
        variables.start()
        self.addCleanup(variables.stop)

    def test_training_starts_from_the_base_model(self):
        backend = set_backend(Estimator(), {"model_url": "/tmp"})
        self.assertEqual(backend.train([]), 3.0)
        self.assertEqual(backend.estimator.loaded, [self.base])

    def test_training_on_goes_on_from_the_present_weights(self):
        backend = set_backend(Estimator(), {"model_url": "/tmp"})
        backend.train([])
        backend.train([])
        self.assertEqual(backend.estimator.loaded, [self.base])

    def test_an_estimator_that_cannot_load_starts_untrained(self):
        class Untrained:
            def train(self, train_data, valid_data=None):
                return "trained"

        backend = set_backend(Untrained, {"model_url": "/tmp"})
        self.assertEqual(backend.train([]), "trained")


if __name__ == "__main__":
    unittest.main()
