"""BACKEND_TYPE and DEVICE_CATEGORY choose the backend and its device."""

import importlib.util
import os
import unittest
from unittest import mock

from sedna.backend import set_backend

HAS_MINDSPORE = importlib.util.find_spec("mindspore") is not None
NO_DEVICE = mock.patch("mindspore.context.set_context")


@unittest.skipUnless(HAS_MINDSPORE, "MindSpore is not installed")
class SetBackendTest(unittest.TestCase):
    def setUp(self):
        variables = mock.patch.dict(os.environ)
        variables.start()
        self.addCleanup(variables.stop)
        for name in ("DEVICE_CATEGORY", "CUDA_VISIBLE_DEVICES"):
            os.environ.pop(name, None)

    def wrapped(self, backend_type="TINYMS", **variables):
        """Return the backend; MindSpore is told of no device."""
        variables["BACKEND_TYPE"] = backend_type
        with mock.patch.dict(os.environ, variables), NO_DEVICE:
            return set_backend(mock.NonCallableMock())

    def test_tinyms_and_mindspore_are_known(self):
        for backend_type in ("TINYMS", "tinyms", "MINDSPORE"):
            framework = self.wrapped(backend_type).framework
            self.assertEqual(framework, backend_type.lower())

    def test_their_models_are_checkpoints(self):
        for backend_type in ("TINYMS", "MINDSPORE"):
            name = self.wrapped(backend_type).model_name
            self.assertEqual(
                name, f"model_finetune_{backend_type.lower()}.ckpt"
            )

    def test_device_category_reaches_ascend(self):
        for category in ("NPU", "ASCEND", "npu"):
            backend = self.wrapped(DEVICE_CATEGORY=category)
            self.assertTrue(backend.use_npu)
            self.assertFalse(backend.use_cuda)

    def test_device_category_reaches_the_gpu(self):
        self.assertTrue(self.wrapped(DEVICE_CATEGORY="GPU").use_cuda)

    def test_cuda_visible_devices_still_means_gpu(self):
        self.assertTrue(self.wrapped(CUDA_VISIBLE_DEVICES="0").use_cuda)

    def test_the_default_is_the_cpu(self):
        backend = self.wrapped()
        self.assertFalse(backend.use_cuda or backend.use_npu)

    def test_the_base_model_is_handed_on(self):
        backend = self.wrapped(BASE_MODEL_URL="/base/model.ckpt")
        self.assertEqual(backend.base_model_url, "/base/model.ckpt")


if __name__ == "__main__":
    unittest.main()
