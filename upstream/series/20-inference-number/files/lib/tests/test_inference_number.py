"""How many inferences joint inference reports."""

import os
import tempfile
import unittest
import warnings
from unittest import mock

import numpy as np
from sedna.core.joint_inference import JointInference


class Estimator:
    def load(self, model_url):
        pass

    def predict(self, data):
        return data.tolist()


class InferenceNumberTest(unittest.TestCase):
    def counts(self, mode):
        """Infer three samples, one of them hard; return the counts."""
        model = tempfile.NamedTemporaryFile()
        self.addCleanup(model.close)
        variables = {"BACKEND_TYPE": "UNKNOWN", "MINING_MODE": mode}
        with mock.patch.dict(os.environ, variables):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with mock.patch("threading.Thread.start"):
                    config = "sedna.common.config.BaseConfig.__wrapped__"
                    with mock.patch(f"{config}.model_url", model.name):
                        job = JointInference(Estimator())
            job.hard_example_mining_algorithm = lambda result: result[0] > 1
            job.cloud = mock.Mock()
            job.cloud.inference.return_value = {"result": [0]}
            for value in (0, 1, 2):
                job.inference(np.array([value]))
        reporter = job.lc_reporter
        return reporter.inference_number, reporter.hard_example_number

    def test_each_inference_counts_once(self):
        for mode in ("inference-then-mining", "mining-then-inference"):
            self.assertEqual(self.counts(mode), (3, 1))


if __name__ == "__main__":
    unittest.main()
