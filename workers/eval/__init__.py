"""The eval worker: judges the trained and the deployed model on the same samples."""
