#!/usr/bin/env python3
"""Renders the plain manifests of this folder from the chart, so that there is one source.

    deploy/kubernetes/render.py            # writes them
    deploy/kubernetes/render.py --check    # exit status 1 if one differs; 77 without Helm

Helm is taken as a library: pip install -r tests/requirements-deploy.txt.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CHART = HERE.parent / "helm" / "snapvit"

# File: (values file or none, values, templates it takes; none: all)
FILES: dict[str, tuple[str | None, dict[str, Any], list[str] | None]] = {
    "snapvit.yaml": (None, {}, None),
    "keda.yaml": (None, {"autoscaling": {"by": "keda"}}, ["autoscaling.yaml"]),
    "ordering-job.yaml": ("production.values.yaml", {}, ["ordering-job.yaml"]),
    "production.yaml": ("production.values.yaml", {"orderingJob": {"enabled": False}}, None),
}


def without_helm(text: str) -> str:
    """Labels and hooks that only mean something to Helm."""
    text = re.sub(r"  annotations:\n(    helm\.sh/.*\n)+", "", text)
    return re.sub(r" *(helm\.sh/chart|app\.kubernetes\.io/managed-by):.*\n", "", text)


def render(name: str) -> str:
    import helm_python
    import yaml

    values_file, overrides, only = FILES[name]
    values = yaml.safe_load((HERE / values_file).read_text()) if values_file else {}
    values |= overrides
    with helm_python.Chart.load(str(CHART)) as chart:
        rendered = chart.render(values, name="snapvit", namespace="default")
    documents = []
    for path, text in sorted(rendered.items()):
        template = Path(path).name
        if template.endswith(".yaml") and text.strip() and (only is None or template in only):
            documents.append(without_helm(text).strip())
    origin = f", values {values_file}" if values_file else ""
    return f"# Rendered from deploy/helm/snapvit{origin} by render.py: change that.\n" + "\n---\n".join(documents) + "\n"


def main() -> int:
    try:
        import helm_python  # noqa: F401
        import yaml  # noqa: F401
    except ImportError as error:
        print(f"SKIPPED: {error}: pip install -r tests/requirements-deploy.txt", file=sys.stderr)
        return 77
    different = []
    for name in FILES:
        text = render(name)
        if "--check" not in sys.argv:
            (HERE / name).write_text(text)
        elif (HERE / name).read_text() != text:
            different.append(name)
    if different:
        print(f"render: {', '.join(different)}: not what the chart gives; deploy/kubernetes/render.py writes them")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
