"""The dashboard shows what the worker measures, under the names that the worker gives it."""

import json
import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.workers.infer.conftest import Server, encoded

DASHBOARD = Path(__file__).parents[3] / "docs" / "grafana" / "inference.json"
LATER = {"inference_drift_psi"}  # needs a thousand images first


async def test_every_figure_of_the_dashboard_is_measured(server: Server) -> None:
    await server.client.post("/classify", content=encoded("dark"))
    text = (await server.client.get("/metrics")).text
    samples = {
        sample.name for family in text_string_to_metric_families(text) for sample in family.samples
    }
    panels = json.loads(DASHBOARD.read_text())["panels"]
    expressions = " ".join(target["expr"] for panel in panels for target in panel["targets"])
    shown = set(re.findall(r"\b(?:inference|process)_\w+", expressions))
    ours = {name for name in samples if name.startswith("inference_")}
    assert shown <= ours | LATER | {"process_resident_memory_bytes"}
    unseen = {name for name in ours if not name.endswith("_created")} - shown
    assert not {name for name in unseen if not name.endswith(("_bucket", "_count", "_sum"))}
