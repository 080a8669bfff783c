"""The inference worker: classifies what comes into a folder."""

import shutil
import time
from pathlib import Path

import numpy as np
from dataset import CLASSES, preprocess
from interface import Estimator
from sedna.common.config import Context
from sedna.core.incremental_learning import IncrementalLearning

PERIOD_SECONDS = 1


def main():
    """Classify each new image; keep a copy of the hard ones."""
    inbox = Path(Context.get_parameters("infer_url"))
    hard_examples = Path(Context.get_parameters("HE_SAVED_URL"))
    job = IncrementalLearning(estimator=Estimator)
    seen = set()
    while True:
        for image in sorted(set(inbox.glob("*.*")) - seen):
            label, is_hard = classify(job, image)
            if is_hard:
                shutil.copy(image, hard_examples)
            print(f"{image.name}: {label}", flush=True)
            seen.add(image)
        time.sleep(PERIOD_SECONDS)


def classify(job, image):
    """Return an image's class and whether it is a hard example."""
    data = np.stack([preprocess(image)])
    _, probabilities, is_hard = job.inference(
        data, post_process=lambda batch: batch[0]
    )
    return CLASSES[int(np.argmax(probabilities))], is_hard


if __name__ == "__main__":
    main()
