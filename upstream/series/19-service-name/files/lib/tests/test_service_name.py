"""The name under which a worker serves and reports."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

PROGRAM = """
import warnings
warnings.simplefilter("ignore")
from sedna.core.base import JobBase
print(JobBase(object()).job_name)
"""


class ServiceNameTest(unittest.TestCase):
    def name(self, **variables):
        """Return it; the SDK reads the environment when it is imported."""
        names = ("JOB_NAME", "SERVICE_NAME")
        rest = {k: v for k, v in os.environ.items() if k not in names}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**rest, "BACKEND_TYPE": "UNKNOWN", **variables},
            cwd=Path(__file__).parents[1],
            stdout=subprocess.PIPE,
            check=True,
        )
        return done.stdout.decode().strip()

    def test_it_is_that_of_the_job_or_the_service(self):
        self.assertEqual(self.name(JOB_NAME="job"), "job")
        self.assertEqual(self.name(SERVICE_NAME="service"), "service")

    def test_without_either_it_is_sedna(self):
        self.assertEqual(self.name(), "sedna")


if __name__ == "__main__":
    unittest.main()
