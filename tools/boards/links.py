"""Links of boards and panels: other boards, and the runbooks of alerts."""

from tools.boards.panels import Panel
from tools.boards.rules import runbook, runbook_prefix

Json = dict[str, object]
OVERVIEW, API, MODEL = "mlops-overview", "api-performance", "model-metrics"
"""The UIDs of the boards."""
TITLES = {OVERVIEW: "MLOps overview", API: "API performance", MODEL: "Model metrics"}
KEEP_TIME = "${__url_time_range}"


def board_links() -> list[Json]:
    """Return the links above the panels of each board: to every board, with the time range."""
    return [
        {
            **{"asDropdown": False, "icon": "external link", "includeVars": False, "keepTime": True},
            **{"tags": ["readmit"], "targetBlank": False, "title": "", "tooltip": "", "type": "dashboards", "url": ""},
        }
    ]


def panel_links(panel: Panel) -> list[Json]:
    """Return the links in the corner of a panel: to the boards with details, and to its alerts' runbooks.

    A panel with neither links to the page of all runbooks.
    """
    boards = [{"title": TITLES[uid], "url": f"/d/{uid}?{KEEP_TIME}", "targetBlank": False} for uid in panel.boards]
    runbooks = [{"title": f"Runbook: {alert}", "url": runbook(alert), "targetBlank": True} for alert in panel.alerts]
    return [*boards, *runbooks] or [{"title": "Runbooks", "url": runbook_prefix().rstrip("#"), "targetBlank": True}]


def alert_link() -> Json:
    """Return the link of a cell with the name of an alert: to its runbook."""
    return {"title": "Runbook", "url": f"{runbook_prefix()}${{__value.text}}", "targetBlank": True}
