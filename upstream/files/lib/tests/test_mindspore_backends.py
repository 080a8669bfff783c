"""MSBackend and TinyMSBackend drive estimators and bare models."""

import importlib.util
import tempfile
import unittest
from pathlib import Path

import numpy as np

HAS_MINDSPORE = importlib.util.find_spec("mindspore") is not None
HAS_TINYMS = HAS_MINDSPORE and importlib.util.find_spec("tinyms") is not None

GENERATOR = np.random.default_rng(0)
INPUTS = GENERATOR.normal(0, 1, (32, 4)).astype(np.float32)
LABELS = (INPUTS[:, 0] > 0).astype(np.int32)


class Backends:
    """What holds for both."""

    def backend(self, **kwargs):
        raise NotImplementedError

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def network(self, width=2):
        from mindspore import nn

        network = nn.Dense(4, width)
        loss = nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean")
        optimizer = nn.Momentum(network.trainable_params(), 0.5, 0.9)
        return network, loss, optimizer

    def data(self):
        from mindspore.dataset import NumpySlicesDataset

        columns = (INPUTS, LABELS)
        names = ["input", "label"]
        return NumpySlicesDataset(columns, names, shuffle=False).batch(8)

    def filled(self, value):
        """Return weights for the network, all of one value."""
        weights = self.backend().get_weights()
        return {
            name: np.full_like(each, value) for name, each in weights.items()
        }

    def saved(self, value, name):
        """Save a model whose weights are all of one value; return its path."""
        backend = self.backend(model_save_path=str(self.folder))
        backend.set_weights(self.filled(value))
        return backend.save(str(self.folder / name))

    def assert_weights(self, backend, value):
        for each in backend.get_weights().values():
            np.testing.assert_array_equal(each, np.full_like(each, value))

    def test_a_bare_model_learns(self):
        backend = self.backend()
        backend.set_weights(self.filled(0))
        metrics = backend.train(self.data(), valid_data=self.data(), epochs=10)
        self.assertGreater(metrics["accuracy"][0], 0.9)
        self.assertEqual(backend.evaluate(self.data()), metrics)

    def test_a_bare_model_predicts(self):
        backend = self.backend()
        backend.set_weights(self.filled(1))
        outputs = backend.predict(INPUTS[:3])
        expected = INPUTS[:3].sum(axis=1, keepdims=True) + 1
        np.testing.assert_allclose(
            outputs, np.repeat(expected, 2, axis=1), atol=1e-5
        )

    def test_a_model_is_saved_and_loaded(self):
        path = self.saved(0.25, "model.ckpt")
        backend = self.backend()
        backend.load(path)
        self.assert_weights(backend, 0.25)

    def test_fine_tuning_starts_from_the_base_model(self):
        path = self.saved(0.5, "base.ckpt")
        backend = self.backend(base_model_url=path)
        backend.finetune()
        self.assert_weights(backend, 0.5)
        self.assertTrue(Path(path).is_file())

    def test_each_model_is_evaluated_with_its_own_weights(self):
        figures = []
        for sign in (1, -1):
            backend = self.backend(model_save_path=str(self.folder))
            weights = self.filled(0)
            weights["weight"][:, 0] = (-sign, sign)
            backend.set_weights(weights)
            figures.append(backend.save(str(self.folder / f"{sign}.ckpt")))
        backend = self.backend()
        accuracies = []
        for path in figures:
            metrics = backend.evaluate(self.data(), model_path=path)
            accuracies.append(metrics["accuracy"])
        self.assertEqual(accuracies, [[1.0], [0.0]])

    def test_a_trained_model_that_is_given_weights_learns_again(self):
        backend = self.backend()
        start = self.filled(0)
        for _ in range(2):
            backend.set_weights(start)
            before = backend.evaluate(self.data())["accuracy"]
            metrics = backend.train(self.data(), valid_data=self.data())
            self.assertGreater(metrics["accuracy"], before)
            for name, value in backend.get_weights().items():
                self.assertFalse(np.array_equal(value, start[name]), name)

    def test_set_weights_is_all_or_nothing(self):
        from sedna.backend.mindspore.errors import ModelFileError

        backend = self.backend()
        backend.set_weights(self.filled(1))
        with self.assertRaises(ModelFileError):
            backend.set_weights({"weight": self.filled(2)["weight"]})
        self.assert_weights(backend, 1)

    def test_a_damaged_checkpoint_changes_nothing(self):
        from sedna.backend.mindspore.errors import ModelFileError

        path = self.folder / "model.ckpt"
        path.write_bytes(b"no checkpoint")
        backend = self.backend()
        backend.set_weights(self.filled(1))
        with self.assertRaises(ModelFileError):
            backend.load(str(path))
        self.assert_weights(backend, 1)

    def test_the_execution_mode_is_left_alone(self):
        import mindspore

        mode = mindspore.get_context("mode")
        self.addCleanup(mindspore.set_context, mode=mode)
        for wanted in (mindspore.PYNATIVE_MODE, mindspore.GRAPH_MODE):
            mindspore.set_context(mode=wanted)
            self.backend()
            self.assertEqual(mindspore.get_context("mode"), wanted)


@unittest.skipUnless(HAS_MINDSPORE, "MindSpore is not installed")
class MSBackendTest(Backends, unittest.TestCase):
    def backend(self, **kwargs):
        from mindspore import Model
        from mindspore.train import Accuracy
        from sedna.backend.mindspore import MSBackend

        network, loss, optimizer = self.network()
        metrics = {"accuracy": Accuracy()}
        return MSBackend(Model(network, loss, optimizer, metrics), **kwargs)

    def test_keyword_only_arguments_reach_an_estimator(self):
        from sedna.backend.mindspore import MSBackend

        class Estimator:
            def train(self, train_data, valid_data=None, *, epochs=1):
                return epochs

        backend = MSBackend(Estimator(), model_save_path=str(self.folder))
        self.assertEqual(backend.train([], epochs=3, unknown=4), 3)

    def test_an_estimator_without_load_is_trained_from_scratch(self):
        from sedna.backend.mindspore import MSBackend

        class Estimator:
            def train(self, train_data, valid_data=None):
                return "trained"

        path = self.saved(1, "base.ckpt")
        backend = MSBackend(Estimator, base_model_url=path)
        self.assertEqual(backend.train([]), "trained")


@unittest.skipUnless(HAS_TINYMS, "TinyMS is not installed")
class TinyMSBackendTest(Backends, unittest.TestCase):
    def backend(self, **kwargs):
        from sedna.backend.tinyms import TinyMSBackend

        return TinyMSBackend(self.model, **kwargs)

    def model(self):
        """Make a compiled model; the backend has prepared TinyMS by now."""
        from mindspore.train import Accuracy
        from tinyms.model import Model

        network, loss, optimizer = self.network()
        model = Model(network)
        metrics = {"accuracy": Accuracy()}
        model.compile(loss_fn=loss, optimizer=optimizer, metrics=metrics)
        return model


if __name__ == "__main__":
    unittest.main()
