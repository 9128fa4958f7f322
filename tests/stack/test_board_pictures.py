"""The boards can be drawn from the responses of a Prometheus server, with or without data."""

import json
import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from matplotlib.figure import Figure

from readmit.embedded.stack import free_ports
from tools.boards import render
from tools.boards.__main__ import BOARDS
from tools.boards.drawing import Drawn, draw
from tools.boards.panels import Board
from tools.boards.query_api import Period, PrometheusApi, Series
from tools.boards.render import draw_board, period_of
from tools.boards.units import format_value

LABELS = {"alertname": "Backlog", "step": "train", "outcome": "promoted", "le": "0.5", "job": "api", "version": "3"}
REJECTED = "rejected("


class PrometheusStub(BaseHTTPRequestHandler):
    """A server that responds to every query with one series, 1, and to REJECTED as Prometheus to a syntax error."""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        if query.get("query") == REJECTED:
            self.respond(400, {"status": "error", "error": "unexpected end of input"})
        elif address.path.endswith("/values"):
            self.respond(200, {"data": ["1", "2"]})
        elif address.path.endswith("query_range"):
            points = [[float(query["start"]), "1"], [float(query["end"]), "NaN"]]
            self.respond(200, {"data": {"result": [{"metric": LABELS, "values": points}]}})
        else:
            self.respond(200, {"data": {"result": [{"metric": LABELS, "value": [float(query["time"]), "1"]}]}})

    def respond(self, status: int, content: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def api() -> Iterator[PrometheusApi]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), PrometheusStub)
    threading.Thread(target=server.serve_forever).start()
    yield PrometheusApi(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_each_panel_of_a_board_is_drawn_with_its_title(board: Board, api: PrometheusApi) -> None:
    figure = draw_board(board, api, period_of("1h", 1e9))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    expected = [panel.title for row in board.rows for panel in row.panels]
    assert len(titles) == len(expected)
    assert set(titles) >= {title for title in expected if "$" not in title}
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert "No data" not in texts


@pytest.mark.parametrize("values", [(), (math.nan,)], ids=["no series", "NaN"])
def test_a_panel_without_data_shows_that_this_is_normal(values: tuple[float, ...]) -> None:
    (panel,) = (panel for row in BOARDS[0].rows for panel in row.panels if panel.title == "Quarantined by field")
    series = tuple(Series({}, ((0.0, value),)) for value in values)
    axes = Figure().add_subplot()
    draw(axes, Drawn(panel, (series,), Period(0, 60, 15)))
    assert [text.get_text() for text in axes.texts] == ["No encounter of the batch was quarantined"]


def test_a_rejected_query_is_reported_with_its_reason(api: PrometheusApi) -> None:
    with pytest.raises(httpx.HTTPStatusError, match=r"rejected\(.*: unexpected end of input"):
        api.query(REJECTED, 0.0)


def test_without_a_server_the_recipe_fails_with_its_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (port,) = free_ports(1)
    assert render.main(["--prometheus", f"http://127.0.0.1:{port}", "--folder", str(tmp_path)]) == 1
    assert f"Prometheus at http://127.0.0.1:{port}: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_graph_has_no_more_points_than_scrapes() -> None:
    assert period_of("30m", 3600.0) == Period(1800.0, 3600.0, 15)
    assert period_of("7d", 7 * 86_400.0).step == 7 * 86_400 // 240


def test_an_invalid_range_is_rejected_with_the_option_and_its_form(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        render.main(["--prometheus", "http://127.0.0.1:1", "--range", "yesterday"])
    assert "argument --range: yesterday: expected a number and m, h or d, such as 90m" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "text"),
    [
        (0.0123, "percentunit", None, "1.2 %"),
        (0.25, "s", None, "250 ms"),
        (0.0, "s", None, "0 s"),
        (math.inf, "s", None, "∞"),
        (5400, "s", None, "1.5 h"),
        (64 * 1024**2, "bytes", None, "64 MiB"),
        (101_766, "short", None, "102 K"),
        (101_766, "short", 0, "101,766"),
        (12.34, "reqps", None, "12.3 req/s"),
        (0.68751, "none", 3, "0.688"),
        (math.nan, "none", None, "—"),
    ],
)
def test_a_value_is_formatted_in_its_unit(value: float, unit: str, decimals: int | None, text: str) -> None:
    assert format_value(value, unit, decimals) == text
