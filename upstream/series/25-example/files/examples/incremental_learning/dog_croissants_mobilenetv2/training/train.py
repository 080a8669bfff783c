"""The train worker: trains on from the base model and reports the new one."""

from dataset import read_index
from interface import Estimator
from sedna.common.config import BaseConfig, Context
from sedna.core.incremental_learning import IncrementalLearning


def main():
    """Train on the round's samples."""
    job = IncrementalLearning(estimator=Estimator)
    job.train(
        read_index(BaseConfig.train_dataset_url, "train"),
        epochs=int(Context.get_parameters("epochs", "5")),
        batch_size=int(Context.get_parameters("batch_size", "8")),
    )


if __name__ == "__main__":
    main()
