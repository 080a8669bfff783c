"""The training worker of a FederatedLearningJob: MobileNetV2 on this node's own pictures."""

import os
from pathlib import Path

from backend import register_with_sedna
from backend.classifier import TinyMSClassifier
from workers.data.index_file import labelled_images, read_index

register_with_sedna()
from sedna.core.federated_learning import FederatedLearning  # noqa: E402

classes = os.environ["class_names"].split(",")
estimator = TinyMSClassifier(classes, int(os.environ["input_size"]))
if "PRETRAINED_MODEL_URL" in os.environ:
    estimator.load(os.environ["PRETRAINED_MODEL_URL"])

index = Path(os.environ["TRAIN_DATASET_URL"])
job = FederatedLearning(estimator, aggregation="FedAvg")
# Between two averages a client must not go far: it has never seen the others' classes.
job.train(
    labelled_images(index.parent, read_index(index, classes)),
    epochs=1,
    warmup_epochs=0,
    batch_size=8,
    optimizer="momentum",
    learning_rate=float(os.environ["learning_rate"]),
    fine_tune=os.getenv("fine_tune", "head"),
)
