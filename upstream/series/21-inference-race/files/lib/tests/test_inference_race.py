"""What joint inference reports of inferences that go on meanwhile."""

import unittest
from unittest import mock

from sedna.service.client import LCClient, LCReporter


class EndError(Exception):
    """Ends the reporter."""


class InferenceRaceTest(unittest.TestCase):
    def test_an_inference_during_a_report_is_in_the_next(self):
        reporter, reported = LCReporter("", {"name": "worker"}), []

        def send(_server, _worker, message):
            reported.append(message["ownerInfo"]["inferenceNumber"])
            if len(reported) == 1:
                reporter.update_for_edge_inference()

        reporter.update_for_edge_inference()
        with mock.patch(
            "time.sleep", side_effect=[None, None, None, EndError]
        ):
            with mock.patch.object(LCClient, "send", send):
                self.assertRaises(EndError, reporter.run)
        self.assertEqual(reported, [1, 2])


if __name__ == "__main__":
    unittest.main()
