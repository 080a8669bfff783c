#!/usr/bin/env python3
"""Print a CRD as Kubernetes 1.20 takes it, which refuses the empty text as a default."""

import sys
from pathlib import Path
from typing import Any

import yaml

_KEYS = "x-kubernetes-list-map-keys"


def _mend(node: Any) -> None:
    if isinstance(node, list):
        for each in node:
            _mend(each)
    elif isinstance(node, dict):
        for each in node.values():
            _mend(each)
        if node.get("default") == "":
            del node["default"]
        if _KEYS in node and not _has_keys(node):
            del node[_KEYS]
            node["x-kubernetes-list-type"] = "atomic"


def _has_keys(node: dict[str, Any]) -> bool:
    items = node["items"]
    return all(
        key in items.get("required", ()) or "default" in items["properties"][key]
        for key in node[_KEYS]
    )


def main() -> None:
    """Read the file that is named, write to the standard output."""
    crd = yaml.safe_load(Path(sys.argv[1]).read_text())
    _mend(crd["spec"])
    yaml.safe_dump(crd, sys.stdout)


if __name__ == "__main__":
    main()
