"""The metrics of the container stack after its days and its load: every panel of every board has data."""

import json
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from readmit.containers.project import output
from tests.e2e.containers import Stack
from tests.stack.promql import metrics_in
from tools.boards.__main__ import BOARDS
from tools.boards.interpolation import interpolate, select
from tools.boards.panels import Board, Panel
from tools.boards.query_api import Period, PrometheusApi
from tools.boards.render import draw_board, period_of, run_queries, variable_values
from tools.boards.rules import alert_rules

pytestmark = pytest.mark.e2e
EXAMPLE = json.loads((Path(__file__).parents[2] / "api/example.json").read_text())
TRAFFIC_SECONDS = 75
"""Longer than the shortest $__rate_interval and a scrape."""
PERIOD = "2h"
PANELS = [
    pytest.param(board, panel, id=f"{board.uid}: {panel.title}")
    for board in BOARDS
    for row in board.rows
    for panel in row.panels
]
MONITORING = "alertmanager|blackbox-exporter|mysqld-exporter|node-exporter|prometheus|pushgateway"
MAX_PROCESSORS, MAX_PROMETHEUS_MIB = 0.03, 76.0
EMPTY_IN_THIS_STACK = {
    "no alert is firing",
    "no attempt at a step has failed",
    "no encounter of the batch was quarantined",
    "every prediction so far was made",
    "Airflow, which starts on demand, is not running",
    "no task of Airflow has failed",
}
"""Reasons of queries for having no data that hold here; those of all others must have data."""
ABSENT_IN_A_HEALTHY_STACK = {
    "ALERTS": "no alert is pending or firing",
    "airflow_ti_failures_total": "no task of Airflow has failed",
    "airflow_ti_successes_total": "Airflow does not run in this stack; test_two_orchestrators does",
    "readmit_day_quarantined": "no encounter of the last batch was quarantined",
    "readmit_run_failed_timestamp_seconds": "no run has failed",
    "readmit_step_failed_timestamp_seconds": "no attempt at a step has failed",
}


@pytest.fixture(scope="module")
def api(stack: Stack) -> PrometheusApi:
    """Repeat the last day, so that it is one that was completed, and send requests until they have been scraped."""
    last = stack.get("ec2-api", "/health")["batches"]
    assert stack.run_day(batch=last).state == "COMPLETED"
    address, until = stack.addresses["api"], time.monotonic() + TRAFFIC_SECONDS
    while time.monotonic() < until:
        httpx.post(f"{address}/predict", json=EXAMPLE, timeout=30.0, trust_env=False).raise_for_status()
        rows = [EXAMPLE, {**EXAMPLE, "age": "old"}]
        httpx.post(f"{address}/predict_batch", json=rows, timeout=30.0, trust_env=False).raise_for_status()
        time.sleep(1)
    return PrometheusApi(stack.addresses["prometheus"])


@pytest.fixture(scope="module")
def period(api: PrometheusApi) -> Period:  # noqa: ARG001 - it ends after the requests of `api`
    return period_of(PERIOD, time.time())


@pytest.fixture(scope="module")
def everything(api: PrometheusApi, period: Period) -> dict[str, dict[str, str]]:
    """Return the variables of each board as it opens."""
    return {board.uid: variable_values(board, api, period) for board in BOARDS}


@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_each_query_of_a_panel_returns_data(
    board: Board, panel: Panel, api: PrometheusApi, period: Period, everything: dict[str, dict[str, str]]
) -> None:
    results = run_queries(panel, everything[board.uid], api, period)
    for query, result in zip(panel.queries, results, strict=True):
        has_data = any(series.has_data for series in result)
        assert has_data or query.empty_when in EMPTY_IN_THIS_STACK, (query.expr, query.empty_when)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_a_board_has_data_for_one_value_of_each_variable(
    board: Board, stack: Stack, api: PrometheusApi, period: Period, everything: dict[str, dict[str, str]]
) -> None:
    values = dict(everything[board.uid])
    version = stack.get("api", "/health")["model_version"]
    (replica, *_) = api.query(f'readmit_predictions_total{{job="api", version="{version}"}}', period.end)
    # The replica that serves now: an earlier container of the API had another address and has not served this version.
    chosen = {"job": "api", "instance": replica.labels["instance"], "route": "/predict", "version": version}
    for variable in board.variables:
        offered = api.label_values(interpolate(variable.selector, values), variable.name, period)
        value = chosen.get(variable.name) or variable.default or offered[0]
        assert value in offered, variable.name
        values[variable.name] = select([value])
    panels = [panel for row in board.rows for panel in row.panels]
    queries = [query for panel in panels for query in panel.queries if query.empty_when not in EMPTY_IN_THIS_STACK]
    empty = [query.expr for query in queries if not _has_data(api, query.expr, values, period)]
    assert empty == []


def _has_data(api: PrometheusApi, expr: str, values: Mapping[str, str], period: Period) -> bool:
    return any(series.has_data for series in api.query_range(interpolate(expr, values), period))


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_the_marks_of_a_board_are_times_within_the_period(board: Board, api: PrometheusApi, period: Period) -> None:
    for expr in board.marks.values():
        (series,) = api.query(expr, period.end)
        assert period.start < series.last / 1000 < period.end


def test_every_metric_of_boards_and_rules_is_exported_by_the_running_stack(api: PrometheusApi) -> None:
    expressions = [rule["expr"] for rule in alert_rules().values()]
    expressions += [
        query.expr for board in BOARDS for row in board.rows for panel in row.panels for query in panel.queries
    ]
    named = set().union(*map(metrics_in, expressions))
    assert named - api.metric_names() <= set(ABSENT_IN_A_HEALTHY_STACK)


def test_each_service_is_alive_or_was_not_started(
    stack: Stack,
    api: PrometheusApi,  # noqa: ARG001 - by then every service has been probed
) -> None:
    results = stack.get("prometheus", "/api/v1/query", query="probe_success")["data"]["result"]
    values = {result["metric"]["job"]: result["value"][1] for result in results}
    assert values == {"flows": "1", "prefect": "1", "airflow": values["airflow"]}


def test_monitoring_costs_little(
    stack: Stack,
    api: PrometheusApi,  # noqa: ARG001 - by then Prometheus has the metrics of a day
) -> None:
    query = f'sum(rate(process_cpu_seconds_total{{job=~"{MONITORING}"}}[5m]))'
    (result,) = stack.get("prometheus", "/api/v1/query", query=query)["data"]["result"]
    assert float(result["value"][1]) < MAX_PROCESSORS
    # As in docs/footprint.md: without the page cache, which the process's own metric includes.
    usage = output(
        ["docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", f"{stack.project.name}-prometheus-1"]
    )
    assert float(usage.partition("MiB")[0]) < MAX_PROMETHEUS_MIB, usage


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_a_board_can_be_drawn(board: Board, api: PrometheusApi, period: Period, tmp_path: Path) -> None:
    file = tmp_path / "board.png"
    draw_board(board, api, period).savefig(file)
    assert file.stat().st_size > 50_000
