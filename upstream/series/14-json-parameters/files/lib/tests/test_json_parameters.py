"""Parameters that are given as JSON."""

import unittest

from sedna.common.config import Config


class JsonParametersTest(unittest.TestCase):
    def test_they_are_read(self):
        self.assertEqual(Config('{"a": 1}').a, 1)


if __name__ == "__main__":
    unittest.main()
