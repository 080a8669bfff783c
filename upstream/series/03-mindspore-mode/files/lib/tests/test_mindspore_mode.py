"""MindSpore's execution mode is the estimator's choice."""

import unittest

from tests.mindspore_estimators import HAS_MINDSPORE, NO_MINDSPORE, Estimator


@unittest.skipUnless(HAS_MINDSPORE, NO_MINDSPORE)
class ModeTest(unittest.TestCase):
    def test_the_execution_mode_is_left_alone(self):
        import mindspore
        from sedna.backend.mindspore import MSBackend

        mode = mindspore.get_context("mode")
        self.addCleanup(mindspore.set_context, mode=mode)
        for wanted in (mindspore.PYNATIVE_MODE, mindspore.GRAPH_MODE):
            mindspore.set_context(mode=wanted)
            MSBackend(Estimator())
            self.assertEqual(mindspore.get_context("mode"), wanted)


if __name__ == "__main__":
    unittest.main()
