"""``python -m bench.peers.kserve_server NAME MODEL PORT``: KServe's model server."""

import sys

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer

from bench.peers.answers import Session

__all__ = ["OnnxModel"]


class OnnxModel(Model):  # type: ignore[misc]  # KServe is not installed here
    """Answers ``input``, tensors or pictures, with ``probabilities``."""

    def __init__(self, name: str, model: str) -> None:
        """Load an ONNX file."""
        super().__init__(name)
        self._session = Session(model)
        self.ready = True

    def predict(self, payload: InferRequest, *_: object) -> InferResponse:
        """Return the softmax of the logits."""
        [given] = payload.inputs
        values = given.as_numpy()
        if given.datatype == "UINT8":  # in BYTES it wants text
            shares = self._session.of_pictures([values.tobytes()])
        else:
            shares = self._session.of_tensors(values)
        output = InferOutput("probabilities", list(shares.shape), "FP32")
        output.set_data_from_numpy(shares, binary_data=True)
        return InferResponse(payload.id, self.name, [output])


if __name__ == "__main__":
    name, model, port = sys.argv[1:]
    ModelServer(http_port=int(port), enable_grpc=False, workers=1).start([OnnxModel(name, model)])
