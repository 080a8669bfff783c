"""The cloud worker of a JointInferenceService: the big network over HTTP."""

from networks import big

from backend import register_with_sedna

register_with_sedna()
from sedna.core.joint_inference import BigModelService  # noqa: E402

BigModelService(big).start()
