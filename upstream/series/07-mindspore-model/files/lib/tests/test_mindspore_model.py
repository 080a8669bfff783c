"""MSBackend drives a bare mindspore.Model."""

import unittest

from tests.bare_models import BareModels
from tests.mindspore_estimators import HAS_MINDSPORE, NO_MINDSPORE


@unittest.skipUnless(HAS_MINDSPORE, NO_MINDSPORE)
class MindSporeModelTest(BareModels, unittest.TestCase):
    def backend(self, **kwargs):
        from mindspore import Model
        from mindspore.train import Accuracy
        from sedna.backend.mindspore import MSBackend

        network, loss, optimizer = self.network()
        metrics = {"accuracy": Accuracy()}
        return MSBackend(Model(network, loss, optimizer, metrics), **kwargs)


if __name__ == "__main__":
    unittest.main()
