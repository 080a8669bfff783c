"""The model that MLServer serves: an ONNX file in ONNX Runtime."""

from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from bench.peers.answers import Session

__all__ = ["OnnxModel"]


class OnnxModel(MLModel):  # type: ignore[misc]  # MLServer is not installed here
    """Answers ``input``, tensors or pictures in Base64, with ``probabilities``."""

    async def load(self) -> bool:
        """Load the file that ``parameters.uri`` names."""
        self._session = Session(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Return the softmax of the logits."""
        [given] = payload.inputs
        if given.datatype == "BYTES":
            shares = self._session.of_pictures(Base64Codec.decode_input(given))
        else:
            shares = self._session.of_tensors(NumpyCodec.decode_input(given))
        outputs = [NumpyCodec.encode_output("probabilities", shares)]
        return InferenceResponse(model_name=self.name, model_version="1", outputs=outputs)
