"""The training worker of a FederatedLearningJob: MobileNetV2 on this node's own pictures."""

import os
import tempfile
from pathlib import Path

from backend import register_with_sedna
from backend.classifier import FederatedClassifier, TinyMSClassifier
from workers.data.index_file import labelled_images, read_index

register_with_sedna()
from sedna.core.federated_learning import FederatedLearning  # noqa: E402

classes = os.environ["class_names"].split(",")
classifier = TinyMSClassifier(classes, int(os.environ["input_size"]))
if "PRETRAINED_MODEL_URL" in os.environ:
    classifier.load(os.environ["PRETRAINED_MODEL_URL"])

index = Path(os.environ["TRAIN_DATASET_URL"])
job = FederatedLearning(FederatedClassifier(classifier), aggregation="FedAvg")
with tempfile.TemporaryDirectory() as cache:
    # One pass between two averages, at the full rate from its first step.
    job.train(
        labelled_images(index.parent, read_index(index, classes)),
        epochs=1,
        warmup_epochs=0,
        batch_size=8,
        optimizer="momentum",
        learning_rate=float(os.environ["learning_rate"]),
        cache_folder=cache,
    )
