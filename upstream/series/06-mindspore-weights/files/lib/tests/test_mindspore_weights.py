"""Weights of MSBackend go through federated learning."""

import json
import unittest

from sedna.algorithms.aggregation import AggClient, FedAvg
from tests.mindspore_estimators import HAS_MINDSPORE, NO_MINDSPORE, Estimator


@unittest.skipUnless(HAS_MINDSPORE, NO_MINDSPORE)
class WeightsTest(unittest.TestCase):
    def backend(self, value):
        from sedna.backend.mindspore import MSBackend

        return MSBackend(Estimator(value))

    def client(self, value, num_samples):
        client = AggClient()
        client.num_samples = num_samples
        text = json.dumps(self.backend(value).get_weights())
        client.weights = json.loads(text)
        return client

    def test_they_are_averaged_and_taken_back(self):
        weights = FedAvg().aggregate([self.client(1, 30), self.client(5, 10)])
        backend = self.backend(0)
        backend.set_weights(json.loads(json.dumps(weights)))
        for value in backend.estimator.weights.values():
            self.assertTrue((value == 2).all())

    def test_weights_of_another_network_are_refused(self):
        with self.assertRaises(ValueError):
            self.backend(0).set_weights([[1, 1]])


if __name__ == "__main__":
    unittest.main()
