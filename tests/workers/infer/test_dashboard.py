"""The dashboard and the page on metrics name what the worker measures."""

import json
import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.workers.infer.conftest import Server, encoded

DOCS = Path(__file__).parents[3] / "docs"
DASHBOARD = DOCS / "grafana" / "inference.json"
PAGE = DOCS / "reference" / "metrics.md"
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


async def test_the_page_on_metrics_describes_each_of_them(server: Server) -> None:
    text = (await server.client.get("/metrics")).text
    families = {
        (family.name, family.type, family.documentation)
        for family in text_string_to_metric_families(text)
        if family.name.startswith("inference_") and not family.name.endswith("_created")
    }
    rows = re.findall(r"^\| `(inference_\w+)` \| (\w+) \|.*\| (.+) \|$", PAGE.read_text(), re.M)
    # Prometheus's text calls an info metric a gauge whose name ends in _info.
    shown = {
        (f"{name}_info", "gauge", meaning) if kind == "info" else (name, kind, meaning)
        for name, kind, meaning in rows
    }
    assert shown == families
