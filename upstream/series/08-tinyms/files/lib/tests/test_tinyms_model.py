"""TinyMSBackend drives a bare, compiled tinyms.model.Model."""

import importlib.util
import os
import unittest
from unittest import mock

from sedna.backend import set_backend
from tests.bare_models import BareModels
from tests.mindspore_estimators import HAS_MINDSPORE

HAS_TINYMS = HAS_MINDSPORE and importlib.util.find_spec("tinyms") is not None


@unittest.skipUnless(HAS_TINYMS, "TinyMS is not installed")
class TinyMSModelTest(BareModels, unittest.TestCase):
    def backend(self, **kwargs):
        from sedna.backend.tinyms import TinyMSBackend

        return TinyMSBackend(self.model, **kwargs)

    def model(self):
        """Make a compiled model; the backend has prepared TinyMS by now."""
        from mindspore.train import Accuracy
        from tinyms.model import Model

        network, loss, optimizer = self.network()
        model = Model(network)
        metrics = {"accuracy": Accuracy()}
        model.compile(loss_fn=loss, optimizer=optimizer, metrics=metrics)
        return model

    def test_the_environment_chooses_it(self):
        for name in ("TINYMS", "tinyms"):
            with mock.patch.dict(os.environ, {"BACKEND_TYPE": name}):
                backend = set_backend(mock.NonCallableMock())
            self.assertEqual(backend.framework, "tinyms")
            self.assertEqual(backend.model_name, "model_finetune_tinyms.ckpt")


if __name__ == "__main__":
    unittest.main()
