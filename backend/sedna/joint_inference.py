"""Joint inference in an unpatched Sedna SDK: the service's name, and what is counted and told."""

import os
from collections.abc import Callable
from copy import deepcopy
from typing import Any

__all__ = ["register"]


def register() -> None:
    """Change the SDK's classes, which must be importable; to be called once."""
    from sedna.common.config import BaseConfig  # noqa: PLC0415
    from sedna.core.joint_inference.joint_inference import JointInference  # noqa: PLC0415
    from sedna.service.client import LCReporter  # noqa: PLC0415 - an SDK may be missing

    config, infer = BaseConfig(), JointInference.inference
    if not os.getenv("JOB_NAME") and config.service_name:
        # The default, "sedna", would win: little and big worker are of one SERVICE_NAME.
        config.job_name = config.service_name

    def answer_uncounted(self: Any, data: Any, callback_func: Any, **kwargs: Any) -> Any:
        answer = self.estimator.predict(data, **kwargs)
        processed = deepcopy(answer)
        return (callback_func(processed) if callback_func else processed), answer

    def infer_counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = self.lc_reporter.inference_number
        result = infer(self, *args, **kwargs)
        # The SDK has counted the hard ones; with the patch series it counts them all.
        if self.lc_reporter.inference_number == before:
            self.lc_reporter.update_for_edge_inference()
        return result

    JointInference._get_edge_result = answer_uncounted
    JointInference.inference = infer_counted
    # The SDK sets it to 0 after each report, and what came meanwhile would not be reported.
    LCReporter.period_increment = property(_unreported, lambda *_: None)
    LCReporter.run = _persisting(LCReporter.run)


def _unreported(reporter: Any) -> int:
    reported = reporter.message.get("ownerInfo", {}).get("inferenceNumber", 0)
    return int(reporter.inference_number - reported)


def _persisting(run: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return the reporter's loop as one that a LocalController which is away does not end."""
    from sedna.common.log import LOGGER  # noqa: PLC0415 - an SDK may be missing
    from tenacity import RetryError  # noqa: PLC0415 - comes with the SDK

    def run_on(self: Any) -> None:
        while True:
            try:
                run(self)
            except RetryError:
                LOGGER.warning("the report will be sent with the next one")
                self.message.pop("ownerInfo", None)

    return run_on
