"""scikit-learn on the features that a frozen backbone gives in ONNX Runtime."""

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from backend.images.preprocessing import InputFormat, preprocess_batch
from bench.answering import Values, answer
from bench.dataset import INPUT_SIZE, Labelled, in_class_folders


def to_accuracy(backbone: str, photos: str) -> Values:
    """Fit logistic regression to the features of the photographs, and judge those held out."""
    session = onnxruntime.InferenceSession(backbone, providers=["CPUExecutionProvider"])
    trained, held_out = (in_class_folders(f"{photos}/{part}") for part in ("train", "eval"))
    regression = LogisticRegression(max_iter=1000).fit(*_features(session, trained))
    return {"accuracy": float(regression.score(*_features(session, held_out)))}


def _features(
    session: onnxruntime.InferenceSession, samples: Labelled
) -> tuple[NDArray[np.float32], list[int]]:
    paths, labels = samples
    name = session.get_inputs()[0].name
    images = preprocess_batch(paths, InputFormat(INPUT_SIZE))
    rows = [
        session.run(["features"], {name: batch})[0] for batch in np.array_split(images, len(images))
    ]
    return np.concatenate(rows), labels


if __name__ == "__main__":
    answer(to_accuracy)
