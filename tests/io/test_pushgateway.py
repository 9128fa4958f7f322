import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from prometheus_client.parser import text_string_to_metric_families

from readmit.io import pushgateway
from readmit.io.pushgateway import DayMetrics, build_registry, push

DAY = DayMetrics(
    batch=3,
    batches_done=3,
    rows={"raw": 15_000, "clean": 14_600, "quarantined": 20, "excluded": 380},
    step_seconds={"fetch": 0.5, "train": 41.25},
    production=2,
    figures={"roc_auc": 0.68, "ece": 0.01},
    finished_at=1_795_750_000.5,
)
Pushed = list[tuple[str, str, str]]


@pytest.fixture
def gateway() -> Iterator[Callable[[int], tuple[str, Pushed]]]:
    """Start a server that responds to each push with a status; return its address and the pushes."""
    with ExitStack() as stack:

        def start(status: int) -> tuple[str, Pushed]:
            pushed: Pushed = []

            class Handler(BaseHTTPRequestHandler):
                def do_PUT(self) -> None:
                    body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                    pushed.append((self.command, self.path, body))
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

                def log_message(self, *_: object) -> None:
                    """Log nothing."""

            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
            Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}", pushed

        yield start


def test_the_metrics_of_a_day_replace_those_before(gateway: Callable[[int], tuple[str, Pushed]]) -> None:
    url, pushed = gateway(200)
    push(f"{url}/", DAY)
    ((method, path, body),) = pushed
    # PUT replaces all metrics of the job.
    assert (method, path) == ("PUT", "/metrics/job/flows")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }
    assert samples == {
        ("readmit_batches_done",): 3,
        ("readmit_day_batch",): 3,
        ("readmit_day_finished_timestamp_seconds",): 1_795_750_000.5,
        ("readmit_day_rows", "raw"): 15_000,
        ("readmit_day_rows", "clean"): 14_600,
        ("readmit_day_rows", "quarantined"): 20,
        ("readmit_day_rows", "excluded"): 380,
        ("readmit_day_step_seconds", "fetch"): 0.5,
        ("readmit_day_step_seconds", "train"): 41.25,
        ("readmit_model_figure", "roc_auc"): 0.68,
        ("readmit_model_figure", "ece"): 0.01,
        ("readmit_production_version",): 2,
    }


def test_without_a_production_version_its_metric_is_absent() -> None:
    names = [family.name for family in build_registry(replace(DAY, production=None)).collect()]
    assert "readmit_day_rows" in names
    assert "readmit_production_version" not in names


def _silent() -> socket.socket:
    """Accept connections and never respond."""
    return socket.create_server(("127.0.0.1", 0))


def _warned(url: str, caplog: pytest.LogCaptureFixture) -> bool:
    with caplog.at_level(logging.WARNING, "readmit.io.pushgateway"):
        push(url, DAY)
    return f"READMIT_PUSHGATEWAY_URL: could not push the day's metrics to {url}" in caplog.text


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://nowhere.invalid:9091", "http://a..b", "http://a:port"])
def test_an_unavailable_pushgateway_only_causes_a_warning(url: str, caplog: pytest.LogCaptureFixture) -> None:
    assert _warned(url, caplog)


@pytest.mark.parametrize("status", [400, 500])
def test_a_pushgateway_that_rejects_the_push_causes_a_warning(
    status: int, gateway: Callable[[int], tuple[str, Pushed]], caplog: pytest.LogCaptureFixture
) -> None:
    url, pushed = gateway(status)
    assert _warned(url, caplog)
    assert len(pushed) == 1


def test_a_pushgateway_that_does_not_respond_times_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pushgateway, "TIMEOUT_SECONDS", 0.1)
    with _silent() as server:
        assert _warned(f"http://127.0.0.1:{server.getsockname()[1]}", caplog)
