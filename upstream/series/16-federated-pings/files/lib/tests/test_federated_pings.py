"""The connection of a client that is busy training."""

import unittest

from sedna.service.client import AggregationClient
from tests.aggregator import Aggregator


class FederatedPingsTest(unittest.TestCase):
    def test_a_client_that_trains_answers_pings(self):
        server = Aggregator()
        self.addCleanup(server.stop)
        client = AggregationClient(server.url, "client")
        self.assertTrue(server.was_ponged.wait(timeout=10))
        client.send({"num_samples": 1}, msg_type="update_weight")
        received = client.recv(wait_data_type="recv_weight")
        self.assertEqual(received["data"], {"num_samples": 1})


if __name__ == "__main__":
    unittest.main()
