"""What joint inference reports when the local controller is away."""

import unittest
from unittest import mock

import tenacity
from sedna.service.client import LCClient, LCReporter


class EndError(Exception):
    """Ends the reporter."""


class InferenceOutageTest(unittest.TestCase):
    def test_what_could_not_be_reported_is_in_the_next_report(self):
        reporter = LCReporter("", {"name": "worker"})
        reporter.update_for_edge_inference()
        outage = tenacity.RetryError(None)
        with mock.patch(
            "time.sleep", side_effect=[None, None, None, EndError]
        ):
            with mock.patch.object(LCClient, "send") as send:
                send.side_effect = [outage, None]
                self.assertRaises(EndError, reporter.run)
        self.assertEqual(send.call_count, 2)
        self.assertEqual(reporter.message["ownerInfo"]["inferenceNumber"], 1)


if __name__ == "__main__":
    unittest.main()
