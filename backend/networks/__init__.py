"""The networks that can be trained and served."""
