"""What JobBase.inference() hands to the estimator."""

import os
import unittest
import warnings
from unittest import mock

from sedna.core.base import JobBase


class Estimator:
    def predict(self, data, factor=1):
        return data * factor


class InferenceArgumentsTest(unittest.TestCase):
    def test_keyword_arguments_reach_the_estimator(self):
        with mock.patch.dict(os.environ, {"BACKEND_TYPE": "UNKNOWN"}):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the type is unknown
                job = JobBase(Estimator())
        self.assertEqual(job.inference(2, factor=3), 6)


if __name__ == "__main__":
    unittest.main()
