"""DEVICE_CATEGORY chooses where a backend computes."""

import os
import unittest
import warnings
from unittest import mock

from sedna.backend import set_backend


class DeviceTest(unittest.TestCase):
    def setUp(self):
        variables = mock.patch.dict(os.environ, {"BACKEND_TYPE": "UNKNOWN"})
        variables.start()
        self.addCleanup(variables.stop)
        for name in ("DEVICE_CATEGORY", "CUDA_VISIBLE_DEVICES"):
            os.environ.pop(name, None)

    def backend(self, **variables):
        os.environ.update(variables)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the backend's type is unknown
            return set_backend(mock.NonCallableMock())

    def test_device_category_reaches_ascend(self):
        for category in ("NPU", "ASCEND", "npu"):
            backend = self.backend(DEVICE_CATEGORY=category)
            self.assertTrue(backend.use_npu)
            self.assertFalse(backend.use_cuda)

    def test_device_category_reaches_the_gpu(self):
        self.assertTrue(self.backend(DEVICE_CATEGORY="GPU").use_cuda)

    def test_cuda_visible_devices_still_means_gpu(self):
        self.assertTrue(self.backend(CUDA_VISIBLE_DEVICES="0").use_cuda)

    def test_the_default_is_the_cpu(self):
        backend = self.backend()
        self.assertFalse(backend.use_cuda or backend.use_npu)


if __name__ == "__main__":
    unittest.main()
