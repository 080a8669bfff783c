"""What the tests of the MindSpore backends share."""

import importlib.util

import numpy as np

HAS_MINDSPORE = importlib.util.find_spec("mindspore") is not None
NO_MINDSPORE = "MindSpore is not installed"


class Estimator:
    """Its weights are two arrays, saved as a NumPy archive."""

    def __init__(self, value=0.0):
        self.loaded = []
        self.weights = self.filled(value)

    @staticmethod
    def filled(value):
        return {"weight": np.full((2, 2), value), "bias": np.full(2, value)}

    def train(self, train_data, valid_data=None):
        return float(self.weights["bias"][0])

    def evaluate(self, data):
        return {"value": [float(self.weights["bias"][0])]}

    def predict(self, data):
        return data

    def save(self, model_url):
        with open(model_url, "wb") as file:
            np.savez(file, **self.weights)

    def load(self, model_url):
        self.loaded.append(model_url)
        with np.load(model_url, allow_pickle=False) as arrays:
            self.weights = dict(arrays)

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights


def saved(folder, value, name):
    """Save a model whose weights are all of one value; return its path."""
    path = str(folder / name)
    Estimator(value).save(path)
    return path
