"""How large a federated learning message may be."""

import unittest

from sedna.service.client import AggregationClient
from sedna.service.server.aggregation import AggregationServer
from tests.aggregator import Aggregator

MOBILENET_V2 = 58 * 1000 * 1000  # its weights as JSON, bytes


class FederatedSizesTest(unittest.TestCase):
    def test_the_server_takes_the_weights_of_a_small_network(self):
        server = AggregationServer("FedAvg", host="127.0.0.1", http_port=1)
        self.assertGreater(server.ws_size, MOBILENET_V2)

    def test_the_client_takes_them_too(self):
        server = Aggregator()
        self.addCleanup(server.stop)
        client = AggregationClient(server.url, "client")
        self.assertGreater(client.kwargs["max_size"], MOBILENET_V2)


if __name__ == "__main__":
    unittest.main()
