"""The big model's server."""

import unittest
from unittest import mock

from sedna.service.server.inference import InferenceItem, InferenceServer


class InferenceServerTest(unittest.TestCase):
    def test_it_answers(self):
        model = mock.Mock()
        model.inference.return_value = [1, 2]
        server = InferenceServer(model, "service")
        answer = server.predict(InferenceItem(data=[0]))
        self.assertEqual(answer.result, [1, 2])
        paths = {route["path"] for route in server.get_all_urls()}
        self.assertLessEqual({"/service", "/service/predict"}, paths)


if __name__ == "__main__":
    unittest.main()
