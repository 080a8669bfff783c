"""MSBackend evaluates the model that it is asked to evaluate."""

import tempfile
import unittest
from pathlib import Path

from tests.mindspore_estimators import (
    HAS_MINDSPORE,
    NO_MINDSPORE,
    Estimator,
    saved,
)


@unittest.skipUnless(HAS_MINDSPORE, NO_MINDSPORE)
class EvaluateTest(unittest.TestCase):
    def test_each_model_is_evaluated_with_its_own_weights(self):
        from sedna.backend.mindspore import MSBackend

        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        backend = MSBackend(Estimator())
        for value in (1.0, 2.0):
            path = saved(Path(folder.name), value, f"{value}.ckpt")
            metrics = backend.evaluate([], model_path=path)
            self.assertEqual(metrics, {"value": [value]})
        self.assertEqual(backend.evaluate([]), {"value": [2.0]})


if __name__ == "__main__":
    unittest.main()
