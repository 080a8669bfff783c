"""What the inputs and outputs of this project's ONNX models are called."""

__all__ = ["BATCH", "FEATURES", "IMAGES", "LOGITS"]

BATCH = "batch"
"""The symbolic first dimension of each."""
IMAGES = "images"
LOGITS = "logits"
FEATURES = "features"
"""The inputs of the head, which is the last layer."""
