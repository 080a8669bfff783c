"""What holds for bare models of MindSpore and of TinyMS."""

import tempfile
from pathlib import Path

import numpy as np

GENERATOR = np.random.default_rng(0)
INPUTS = GENERATOR.normal(0, 1, (32, 4)).astype(np.float32)
LABELS = (INPUTS[:, 0] > 0).astype(np.int32)


class Source:
    """What Sedna's data sources have."""

    x, y = INPUTS, LABELS


class BareModels:
    """Mixed into a test case that makes the backend."""

    def backend(self, **kwargs):
        raise NotImplementedError

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def network(self):
        from mindspore import nn

        network = nn.Dense(4, 2)
        loss = nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean")
        optimizer = nn.Momentum(network.trainable_params(), 0.5, 0.9)
        return network, loss, optimizer

    def data(self):
        from mindspore.dataset import NumpySlicesDataset

        columns = (INPUTS, LABELS)
        return NumpySlicesDataset(columns, ["x", "y"], shuffle=False).batch(8)

    def filled(self, value):
        """Return weights for the network, bias first, all of one value."""
        weights = self.backend().get_weights()
        return [np.full_like(each, value).tolist() for each in weights]

    def test_it_learns(self):
        backend = self.backend()
        backend.set_weights(self.filled(0))
        metrics = backend.train(self.data(), valid_data=self.data(), epochs=10)
        self.assertGreater(metrics["accuracy"][0], 0.9)
        self.assertEqual(backend.evaluate(self.data()), metrics)

    def test_it_learns_from_a_data_source(self):
        backend = self.backend()
        backend.set_weights(self.filled(0))
        backend.train(Source(), epochs=10, batch_size=8)
        self.assertGreater(backend.evaluate(Source())["accuracy"][0], 0.9)

    def test_it_predicts_lists_for_lists(self):
        backend = self.backend()
        backend.set_weights(self.filled(1))
        expected = INPUTS[:3].sum(axis=1, keepdims=True) + 1
        for inputs, kind in (
            (INPUTS[:3], np.ndarray),
            (INPUTS[:3].tolist(), list),
        ):
            outputs = backend.predict(inputs)
            self.assertIsInstance(outputs, kind)
            np.testing.assert_allclose(
                outputs, np.repeat(expected, 2, axis=1), atol=1e-5
            )

    def test_it_is_saved_and_loaded_under_any_name(self):
        for name in ("model.ckpt", "global.model", "model"):
            backend = self.backend()
            backend.set_weights(self.filled(0.25))
            path = self.folder / name
            backend.estimator.save(str(path))
            self.assertEqual([path], list(self.folder.iterdir()))
            backend = self.backend()
            backend.load(str(path))
            self.assertEqual(backend.get_weights(), self.filled(0.25))
            path.unlink()

    def test_given_weights_after_a_training_it_learns_again(self):
        backend, start = self.backend(), self.filled(0)
        for _ in range(2):
            backend.set_weights(start)
            before = backend.evaluate(self.data())["accuracy"]
            metrics = backend.train(self.data(), valid_data=self.data())
            self.assertGreater(metrics["accuracy"], before)
            for value, old in zip(backend.get_weights(), start):
                self.assertNotEqual(value, old)

    def test_set_weights_is_all_or_nothing(self):
        backend = self.backend()
        backend.set_weights(self.filled(1))
        for wrong in (self.filled(2)[:1], [[2, 2], [[2, 2]]]):
            with self.assertRaises(ValueError):
                backend.set_weights(wrong)
        self.assertEqual(backend.get_weights(), self.filled(1))

    def test_a_damaged_checkpoint_changes_nothing(self):
        path = self.folder / "model.ckpt"
        path.write_bytes(b"no checkpoint")
        backend = self.backend()
        backend.set_weights(self.filled(1))
        with self.assertRaises(ValueError):
            backend.load(str(path))
        self.assertEqual(backend.get_weights(), self.filled(1))
