"""The aggregation worker of a FederatedLearningJob: Sedna's own server."""

import os

from backend import register_with_sedna

register_with_sedna()
from sedna.service.server import AggregationServer  # noqa: E402

AggregationServer(
    aggregation="FedAvg",
    host=os.getenv("AGG_BIND_IP", ""),
    exit_round=int(os.environ["exit_round"]),
    participants_count=int(os.environ["PARTICIPANTS_COUNT"]),
).start()
