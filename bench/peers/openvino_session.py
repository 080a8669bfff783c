"""The model in OpenVINO."""

import numpy as np
import openvino

from bench.answering import Values, answer, median_ms
from bench.dataset import INPUT_SIZE


def inference(model: str, requests: int) -> Values:
    """Run an ONNX model on one input, compiled for latency."""
    image = np.zeros((1, 3, INPUT_SIZE, INPUT_SIZE), np.float32)
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    request = compiled.create_infer_request()
    return {"one_ms": median_ms(lambda: request.infer([image]), requests)}


if __name__ == "__main__":
    answer(inference)
