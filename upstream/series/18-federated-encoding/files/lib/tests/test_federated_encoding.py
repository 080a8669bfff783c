"""Weights that are encoded for those who know the encoding."""

import asyncio
import json
import unittest

import numpy as np
from sedna.common.weight_encoding import ENCODING, decode, encode
from sedna.service.client import AggregationClient
from sedna.service.server.aggregation import Aggregator as Aggregation
from tests.aggregator import Aggregator

WEIGHTS = [[[0.1, -2.5], [3e-30, 4.0]], [1.0], 0.5]


class Socket:
    def __init__(self):
        self.sent = []

    async def send_json(self, message):
        self.sent.append(json.loads(json.dumps(message)))


class FederatedEncodingTest(unittest.TestCase):
    def assert_weights(self, weights, expected=WEIGHTS):
        for value, wanted in zip(weights, expected):
            wanted = np.asarray(wanted, np.float32)
            np.testing.assert_array_equal(np.float32(value), wanted)

    def test_what_is_encoded_is_decoded(self):
        encoded = json.loads(json.dumps(encode(WEIGHTS)))
        self.assert_weights(decode(encoded))
        self.assertEqual(decode(WEIGHTS), WEIGHTS)

    def client(self, greeting):
        self.server = Aggregator(greeting)
        self.addCleanup(self.server.stop)
        return AggregationClient(self.server.url, "client")

    def exchange(self, client):
        client.send({"weights": WEIGHTS}, msg_type="update_weight")
        received = client.recv(wait_data_type="recv_weight")
        self.assert_weights(received["data"]["weights"])
        return self.server.received[0]["data"]["weights"]

    def test_a_server_that_knows_it_gets_it(self):
        sent = self.exchange(self.client({"encoding": ENCODING}))
        self.assertIn(ENCODING, sent[0])
        self.assertEqual(self.server.subscription["encodings"], [ENCODING])

    def test_an_old_server_gets_lists(self):
        self.assertEqual(self.exchange(self.client({})), WEIGHTS)

    def test_each_client_gets_what_it_knows(self):
        async def run():
            aggregation = Aggregation(participants_count=2)
            sockets = {"new": Socket(), "old": Socket()}
            for name, socket in sockets.items():
                aggregation.add_client(name, socket)
                message = {"type": "subscribe", "client_id": name}
                if name == "new":
                    message["encodings"] = [ENCODING]
                await aggregation.send_message(name, message)
            for name, weights in (("new", encode(WEIGHTS)), ("old", WEIGHTS)):
                data = {"num_samples": 1, "weights": weights}
                message = {"type": "update_weight", "data": data}
                await aggregation.send_message(name, message)
            return sockets

        sockets = asyncio.run(run())
        self.assertEqual(sockets["new"].sent[0]["encoding"], ENCODING)
        weights = {
            name: socket.sent[-1]["data"]["weights"]
            for name, socket in sockets.items()
        }
        self.assertIn(ENCODING, weights["new"][0])
        self.assertIsInstance(weights["old"][0], list)
        self.assert_weights(decode(weights["new"]))
        self.assert_weights(weights["old"])


if __name__ == "__main__":
    unittest.main()
