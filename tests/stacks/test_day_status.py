"""The lines below the table of `just status`, with a data API on a real HTTP server."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from readmit.stacks.day_status import EXTERNAL_SOURCE, DaysSummary, status_lines
from readmit.stacks.errors import StackError

NO_API = "http://127.0.0.1:9"
DAYS = DaysSummary((1, 2), "batch 2, done", None, ())


class ExhaustedSource(BaseHTTPRequestHandler):
    """Responds as a source that has released all of its three batches."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"released": 3, "batches": 3, "exhausted": True}).encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def source() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), ExhaustedSource) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_skipped_day_and_batches_that_are_set_aside_follow_the_last_day() -> None:
    days = DaysSummary((1,), "batch 1, done", "Not today, 04:00 UTC: i-1 is stopped", ("Batch 2 is set aside",))
    assert status_lines(days, NO_API, NO_API) == [
        "Last day: batch 1, done",
        "Not today, 04:00 UTC: i-1 is stopped",
        "Batch 2 is set aside",
        "The inference API does not respond.",
        "The source does not respond.",
    ]


def test_before_the_first_day_there_is_a_line_too() -> None:
    assert status_lines(DaysSummary((), None, None, ()), NO_API, None)[0] == "No day has been completed yet."


def test_without_the_ledger_the_other_lines_are_there(source: str) -> None:
    lines = status_lines(StackError("no response"), NO_API, source)
    assert (lines[0], lines[-1]) == (
        "The ledger is unavailable: no response",
        "Source: 3 of 3 batches released.",
    )


def test_a_source_outside_the_stack_is_not_requested() -> None:
    assert status_lines(DAYS, NO_API, None)[-1] == EXTERNAL_SOURCE


def test_a_source_is_exhausted_once_every_batch_is_done_or_set_aside(source: str) -> None:
    assert status_lines(DAYS, NO_API, source)[-1] == "Source: 3 of 3 batches released, 2 batches done."
    rest = DaysSummary((1, 2), "batch 2, done", None, ("Batch 3 is set aside",))
    assert status_lines(rest, NO_API, source)[-1] == "Source exhausted, 2 batches done."
