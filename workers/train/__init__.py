"""The train worker: one round's training, from the last model to the next."""
