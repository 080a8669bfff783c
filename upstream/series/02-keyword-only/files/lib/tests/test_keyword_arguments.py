"""Which arguments of a job reach the estimator."""

import unittest

from sedna.backend.base import BackendBase


class KeywordArgumentsTest(unittest.TestCase):
    def test_keyword_only_arguments_reach_an_estimator(self):
        class Estimator:
            def train(self, train_data, *, epochs=1):
                return epochs

        backend = BackendBase(Estimator())
        self.assertEqual(backend.train([], epochs=3, unknown=4), 3)


if __name__ == "__main__":
    unittest.main()
