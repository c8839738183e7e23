"""The workbook: the figures of the alerts over time, on one page. Pure; Azure takes it as JSON."""

import json
from collections.abc import Mapping
from typing import Any, Final

from payments_infra.signals import Signal, signals

_QUERY_ITEM: Final = 3
_TEXT_ITEM: Final = 1
_LOGS: Final = 0


def workbook(stack: str, runbook_url: str) -> str:
    charts = [_chart(name, signal) for name, signal in signals().items() if name not in {"stopped", "maintained"}]
    text = f"## Payments ingest, {stack}\n\nWhat to do when something here looks wrong: [runbook]({runbook_url})."
    items = [{"type": _TEXT_ITEM, "content": {"json": text}, "name": "title"}, *charts]
    document = {"version": "Notebook/1.0", "items": items, "isLocked": False}
    return json.dumps(document, sort_keys=True)


def _chart(name: str, signal: Signal) -> Mapping[str, Any]:
    return {
        "type": _QUERY_ITEM,
        "name": name,
        "customWidth": "50",
        "content": {
            "version": "KqlItem/1.0",
            "query": signal.chart,
            "size": 0,
            "title": f"{signal.title} ({signal.unit})",
            "timeContext": {"durationMs": 86_400_000},
            "queryType": _LOGS,
            "resourceType": "microsoft.operationalinsights/workspaces",
            "visualization": "timechart",
        },
    }
