"""The model that MLServer serves: an ONNX file in ONNX Runtime."""

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

__all__ = ["OnnxModel"]


class OnnxModel(MLModel):  # type: ignore[misc]  # MLServer is not installed here
    """Answers the input ``input`` with ``probabilities``."""

    async def load(self) -> bool:
        """Load the file that ``parameters.uri`` names."""
        self._session = onnxruntime.InferenceSession(
            self.settings.parameters.uri, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Return the softmax of the logits."""
        images = NumpyCodec.decode_input(payload.inputs[0])
        logits = self._session.run(None, {self._input: images})[0]
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        outputs = [NumpyCodec.encode_output("probabilities", shares)]
        return InferenceResponse(model_name=self.name, model_version="1", outputs=outputs)
