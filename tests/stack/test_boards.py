"""Grafana's boards are generated, valid for Grafana 12, complete, and read only metrics that exist."""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.stack.compose_files import ROOT, services
from tests.stack.promql import THIRD_PARTY_METRICS, metrics_in, our_metrics
from tools.boards.__main__ import BOARDS, FOLDER, board_text
from tools.boards.interpolation import SCRAPE_SECONDS, VARIABLE, built_in_values, interpolate, select
from tools.boards.links import TITLES
from tools.boards.rules import PROMETHEUS_VARIABLE, alert_rules, alert_threshold

DATA_SOURCES = yaml.safe_load((ROOT / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
PROMETHEUS = {"type": "prometheus", "uid": "prometheus"}
SCHEMA = jsonschema.Draft7Validator(json.loads(Path(__file__).with_name("dashboard.schema.json").read_text()))
DOCUMENTS: dict[str, dict[str, Any]] = {file.stem: json.loads(file.read_text()) for file in FOLDER.glob("*.json")}
PANELS = [
    pytest.param(uid, panel, id=f"{uid}: {panel['title']}")
    for uid, board in DOCUMENTS.items()
    for panel in board["panels"]
    if panel["type"] != "row"
]
EXISTING = our_metrics() | set(THIRD_PARTY_METRICS)
UNITS = {
    r"\w+_timestamp_seconds": {"dateTimeFromNow"},
    r"\w+(?<!timestamp)_seconds(_sum|_count|_bucket)?": {"s"},
    r"\w+_bytes": {"bytes", "percentunit"},
}
"""Units that fit metrics, by regular expression: the unit of a metric is part of its name."""


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_a_board_is_committed_as_generated(board: Any) -> None:
    assert (FOLDER / f"{board.uid}.json").read_text() == board_text(board), "python -m tools.boards"


def test_there_are_three_boards_with_fixed_uids() -> None:
    assert {uid: board["title"] for uid, board in DOCUMENTS.items()} == TITLES
    assert [board["uid"] for board in DOCUMENTS.values()] == list(DOCUMENTS)


@pytest.mark.parametrize("uid", DOCUMENTS)
def test_a_board_matches_the_schema_of_grafana_12(uid: str) -> None:
    assert [f"{error.json_path}: {error.message}" for error in SCHEMA.iter_errors(DOCUMENTS[uid])] == []


@pytest.mark.parametrize(
    "damage",
    [
        {"schemaVersion": 16},
        {"uid": "short"},
        {"time": {"from": "yesterday", "to": "now"}},
        {"panels": [{"type": "graph"}]},
        {"refreshes": "30s"},
    ],
    ids=lambda damage: next(iter(damage)),
)
def test_the_schema_rejects_a_damaged_board(damage: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(DOCUMENTS["mlops-overview"] | damage)


@pytest.mark.parametrize("uid", DOCUMENTS)
def test_the_panels_of_a_board_do_not_overlap_and_have_unique_ids(uid: str) -> None:
    panels = DOCUMENTS[uid]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        for at in (panel["gridPos"] for panel in panels)
    ]
    assert max(x for panel in cells for x, _ in panel) < 24
    assert not [pair for pair in combinations(range(len(cells)), 2) if cells[pair[0]] & cells[pair[1]]]


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_a_panel_explains_itself(uid: str, panel: dict[str, Any]) -> None:
    assert re.fullmatch(r"[A-Z1-9].{20,}\.", panel["description"])
    assert panel["links"]
    steps = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
    assert steps[0] is None
    assert steps[1:] == sorted(steps[1:])
    same_title = [other for other in DOCUMENTS[uid]["panels"] if other["title"] == panel["title"]]
    assert len(same_title) == 1


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_a_panel_reads_existing_metrics_from_prometheus(uid: str, panel: dict[str, Any]) -> None:
    assert panel["datasource"] == PROMETHEUS
    for target in panel["targets"]:
        assert target["datasource"] == PROMETHEUS
        metrics = metrics_in(target["expr"])
        assert metrics, target["expr"]
        assert metrics <= EXISTING, uid


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_the_unit_of_a_panel_fits_its_metrics(uid: str, panel: dict[str, Any]) -> None:
    metrics = set().union(
        *(metrics_in(target["expr"]) for target in panel["targets"] if "changes(" not in target["expr"])
    )
    for pattern, units in UNITS.items() if metrics and panel["type"] != "table" else ():
        if all(re.fullmatch(pattern, metric) for metric in metrics):
            assert panel["fieldConfig"]["defaults"]["unit"] in units, uid


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_the_links_of_a_panel_lead_to_boards_and_runbooks(uid: str, panel: dict[str, Any]) -> None:
    for url in (link["url"] for link in panel["links"]):
        board, runbook = (
            re.fullmatch(r"/d/([\w-]+)\?.+", url),
            re.fullmatch(r".+/consoles/runbooks\.html(?:#(\w+))?", url),
        )
        assert board is None or (board[1] in TITLES and board[1] != uid)
        assert board or runbook
        assert runbook is None or runbook[1] is None or runbook[1] in alert_rules()


def test_a_firing_alert_links_to_its_runbook() -> None:
    (table,) = (panel for panel in DOCUMENTS["mlops-overview"]["panels"] if panel["title"].startswith("Firing alerts,"))
    properties = [item for override in table["fieldConfig"]["overrides"] for item in override["properties"]]
    ((link,),) = [item["value"] for item in properties if item["id"] == "links"]
    for alert, rule in alert_rules().items():
        expected = rule["runbook_url"].replace("{{ $externalURL }}", f"${{{PROMETHEUS_VARIABLE}:raw}}")
        assert link["url"].replace("${__value.text}", alert) == expected


@pytest.mark.parametrize("uid", DOCUMENTS)
def test_every_variable_of_a_board_has_a_value_and_is_used(uid: str) -> None:
    board = DOCUMENTS[uid]
    names = {variable["name"] for variable in board["templating"]["list"]}
    queries = [variable["query"]["query"] for variable in board["templating"]["list"] if variable["type"] == "query"]
    texts = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    urls = re.findall(r'"url": "([^"]+)"', json.dumps(board))
    used = {match[1] or match[2] for text in [*texts, *urls, *queries] for match in VARIABLE.finditer(text)}
    assert {name for name in used if not name.startswith("__")} == names
    for query in queries:
        selector = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
        assert selector is not None
        assert metrics_in(selector[1]) <= EXISTING
        assert selector[2] in names


def test_no_entry_for_a_third_party_metric_is_unused_and_its_job_is_scraped() -> None:
    expressions = [rule["expr"] for rule in alert_rules().values()]
    expressions += [
        query.expr for board in BOARDS for row in board.rows for panel in row.panels for query in panel.queries
    ]
    used = set().union(*map(metrics_in, expressions))
    assert used >= set(THIRD_PARTY_METRICS)
    jobs = re.findall(r"job_name: ([\w-]+)", "".join(f.read_text() for f in (ROOT / "grafana").rglob("*.yml")))
    assert set(THIRD_PARTY_METRICS.values()) <= set(jobs)


def test_the_thresholds_of_panels_are_those_of_the_alerts() -> None:
    assert alert_threshold("PredictionsFailing") == 0.05
    (panel,) = (panel for panel in DOCUMENTS["api-performance"]["panels"] if panel["title"] == "Failing predictions")
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1] == {"color": "red", "value": 0.05}
    with pytest.raises(ValueError, match="NoModelServed does not end with a comparison"):
        alert_threshold("NoModelServed")


def test_variables_are_filled_in_as_by_grafana() -> None:
    values = {"job": select(["api", "ec2.api"])} | built_in_values(range_seconds=3600, step_seconds=15)
    query = 'rate(a{job=~"$job"}[$__rate_interval]) + b[${__range:raw}]'
    assert interpolate(query, values) == r'rate(a{job=~"(api|ec2\\.api)"}[60s]) + b[3600s]'
    assert select(["api"]) == "api"
    assert built_in_values(86_400, 300)["__rate_interval"] == "315s"
    with pytest.raises(KeyError, match="unknown"):
        interpolate("$unknown", values)
    (source,) = (source for source in DATA_SOURCES if source["uid"] == PROMETHEUS["uid"])
    assert source["jsonData"]["timeInterval"] == f"{SCRAPE_SECONDS}s"
    assert source["type"] == PROMETHEUS["type"]


def test_only_metrics_are_read_from_a_query() -> None:
    query = (
        'sum by (job) (rate(a_total{b="c", d=~"e|f{2}"}[$__rate_interval])) / on (g) group_left (x) h offset 5m '
        "> 5 * 1024 ^ 3 unless absent(i) and on (job) max_over_time(j[$__range] @ end()) >= bool 1 or vector(0)"
    )
    assert metrics_in(query) == {"a_total", "h", "i", "j"}


def test_grafana_provisions_the_boards_read_only_and_opens_with_the_overview() -> None:
    (provider,) = yaml.safe_load((ROOT / "grafana/provisioning/dashboards/boards.yml").read_text())["providers"]
    assert provider["allowUiUpdates"] is False
    assert not any(board["editable"] for board in DOCUMENTS.values())
    grafana = services()["grafana"]
    mounts = dict(volume.rsplit(":", 2)[:2] for volume in grafana.config["volumes"] if volume.endswith(":ro"))
    folder = mounts["../grafana/boards"]
    assert provider["options"]["path"] == folder
    assert grafana.environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == f"{folder}/{BOARDS[0].uid}.json"
    assert mounts["../grafana/provisioning/dashboards"] == "/etc/grafana/provisioning/dashboards"
