"""Boards in Grafana's format: the classic JSON model of dashboards, as Grafana 12 writes it."""

from collections.abc import Mapping

from tools.boards.grid import Place, place_rows
from tools.boards.links import board_links, panel_links
from tools.boards.panel_options import field_config, options, transformations
from tools.boards.panels import LETTERS, Board, Panel, PanelKind, Query, Variable
from tools.boards.rules import PROMETHEUS_VARIABLE

Json = dict[str, object]
SCHEMA_VERSION = 42
DATA_SOURCE: Mapping[str, str] = {"type": "prometheus", "uid": "prometheus"}
REFRESH = "30s"
PROMETHEUS_ADDRESS = "http://127.0.0.1:9090"


def board_json(board: Board) -> Json:
    """Return a board as Grafana reads it."""
    return {
        "annotations": {"list": [_mark(name, expr) for name, expr in board.marks.items()]},
        "description": board.description,
        "editable": False,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "links": board_links(),
        "panels": _panels(board),
        "refresh": REFRESH,
        "schemaVersion": SCHEMA_VERSION,
        "tags": ["readmit"],
        "templating": {"list": [*(_variable(variable) for variable in board.variables), _prometheus_variable()]},
        "time": {"from": f"now-{board.period}", "to": "now"},
        "timepicker": {},
        "timezone": "utc",
        "title": board.title,
        "uid": board.uid,
        "version": 1,
    }


def _panels(board: Board) -> list[Json]:
    panels: list[Json] = []
    for row, title_place, placed in place_rows(board.rows):
        panels.append(
            {
                "collapsed": False,
                "gridPos": _grid_position(title_place),
                "id": len(panels) + 1,
                "panels": [],
                "title": row.title,
                "type": "row",
            }
        )
        for panel, place in placed:
            panels.append(_panel(panel, place, len(panels) + 1))
    return panels


def _panel(panel: Panel, place: Place, number: int) -> Json:
    return {
        "datasource": DATA_SOURCE,
        "description": panel.description,
        "fieldConfig": field_config(panel),
        "gridPos": _grid_position(place),
        "id": number,
        "links": panel_links(panel),
        "options": options(panel),
        "targets": [_target(query, letter, panel) for letter, query in zip(LETTERS, panel.queries, strict=False)],
        "title": panel.title,
        "transformations": transformations(panel),
        "type": panel.kind,
    }


def _grid_position(place: Place) -> Json:
    return {"h": place.height, "w": place.width, "x": place.x, "y": place.y}


def _target(query: Query, letter: str, panel: Panel) -> Json:
    formats = {PanelKind.TABLE: "table", PanelKind.HEATMAP: "heatmap"}
    return {
        "datasource": DATA_SOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "format": formats.get(panel.kind, "time_series"),
        "instant": panel.is_instant,
        "legendFormat": query.legend or "__auto",
        "range": not panel.is_instant,
        "refId": letter,
    }


def _variable(variable: Variable) -> Json:
    query = variable.query
    current: Json = {"text": variable.default, "value": variable.default}
    if variable.selects_many:
        current = {"text": ["All"], "value": ["$__all"]}
    return {
        "current": current,
        "datasource": DATA_SOURCE,
        "definition": query,
        "includeAll": variable.selects_many,
        "label": variable.name.capitalize(),
        "multi": variable.selects_many,
        "name": variable.name,
        "options": [],
        # With each change of the time range, not only when the board is opened.
        "refresh": 2,
        "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "regex": "",
        "sort": 1,
        "type": "query",
    }


def _prometheus_variable() -> Json:
    """Return the variable with the address of Prometheus, for links in a browser."""
    option: Json = {"text": PROMETHEUS_ADDRESS, "value": PROMETHEUS_ADDRESS}
    return {
        "current": option,
        "label": "Prometheus",
        "name": PROMETHEUS_VARIABLE,
        "options": [{**option, "selected": True}],
        "query": PROMETHEUS_ADDRESS,
        "type": "textbox",
    }


def _mark(name: str, expr: str) -> Json:
    return {
        "datasource": DATA_SOURCE,
        "enable": True,
        "expr": expr,
        "iconColor": "purple",
        "name": name,
        "step": "60s",
        "titleFormat": name,
        "useValueForTime": True,
    }
