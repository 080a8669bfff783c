"""The eval worker: compares the trained model with the deployed one."""

from dataset import read_index
from interface import Estimator
from sedna.common.config import BaseConfig, Context
from sedna.core.incremental_learning import IncrementalLearning


def main():
    """Evaluate each model of MODEL_URLS on the round's samples."""
    job = IncrementalLearning(estimator=Estimator)
    job.evaluate(
        read_index(BaseConfig.test_dataset_url, "eval"),
        batch_size=int(Context.get_parameters("batch_size", "8")),
    )


if __name__ == "__main__":
    main()
