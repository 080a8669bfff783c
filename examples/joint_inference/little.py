"""The edge worker of a JointInferenceService: asks the cloud when the little network is unsure.

Each line of the standard input names a picture; each answer is its digit and who has said it.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from networks import little, picture

from backend import register_with_sedna

register_with_sedna()
from sedna.common.class_factory import ClassFactory, ClassType  # noqa: E402
from sedna.core.joint_inference import JointInference  # noqa: E402


@ClassFactory.register(ClassType.CALLBACK)
def probabilities(outputs: Any) -> list[float]:
    """Return the network's outputs of one picture as the probabilities that miners take."""
    exponentials = np.exp(outputs[0] - np.max(outputs[0]))
    # Sedna's CrossEntropy takes their logarithms.
    shares = np.clip(exponentials / exponentials.sum(), 1e-7, 1)
    return [float(share) for share in shares]


service = JointInference(little, hard_example_mining=JointInference.get_hem_algorithm_from_config())
for line in map(str.rstrip, sys.stdin):
    _, answer, _, from_cloud = service.inference(picture(Path(line)), post_process="probabilities")
    print(int(np.argmax(answer)), "little" if from_cloud is None else "big", flush=True)
