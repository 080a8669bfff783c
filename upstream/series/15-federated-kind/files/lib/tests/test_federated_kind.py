"""What a federated learning worker says it belongs to."""

import os
import unittest
import warnings
from unittest import mock

from sedna.core.federated_learning import FederatedLearning


class FederatedKindTest(unittest.TestCase):
    @mock.patch.dict(os.environ, {"BACKEND_TYPE": "UNKNOWN"})
    @mock.patch.object(FederatedLearning, "register")
    def test_reports_are_of_a_federated_learning_job(self, _):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the backend's type is unknown
            job = FederatedLearning(mock.NonCallableMock())
        self.assertEqual(job.job_kind, "federatedlearningjob")


if __name__ == "__main__":
    unittest.main()
