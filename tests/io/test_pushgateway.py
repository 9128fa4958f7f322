import logging
import socket
import threading
import time

import pytest

from readmit.core.pushed_metrics import PushedGauge, PushedGroup
from readmit.io import pushgateway
from readmit.io.pushgateway import push
from tests.pushgateway_recorder import recording_pushgateway

BATCH, ROWS = PushedGauge("batch", "A batch."), PushedGauge("rows", "Rows.", ("stage",))
DAY = PushedGroup({}, {BATCH: {(): 3}, ROWS: {("raw",): 15_000, ("clean",): 14_600}}, replaces_all=True)
STEP = PushedGroup({"step": "train"}, {BATCH: {(): 3}}, replaces_all=False)


def test_a_group_that_replaces_all_is_put_and_another_is_posted() -> None:
    with recording_pushgateway() as gateway:
        push(f"{gateway.url}/", [DAY, STEP])
        assert [(method, path) for method, path, _ in gateway.pushes] == [
            ("PUT", "/metrics/job/flows"),
            ("POST", "/metrics/job/flows/step/train"),
        ]
        assert gateway.series() == {("batch",): 3, ("rows", "raw"): 15_000, ("rows", "clean"): 14_600}
        assert gateway.series("/metrics/job/flows/step/train") == {("batch",): 3}


def warned(url: str, caplog: pytest.LogCaptureFixture) -> bool:
    with caplog.at_level(logging.WARNING, "readmit.io.pushgateway"):
        push(url, [DAY, STEP])
    return caplog.text.count(f"READMIT_PUSHGATEWAY_URL: could not push metrics to {url}: ") == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://nowhere.invalid:9091", "http://a..b", "http://a:port"])
def test_an_unavailable_pushgateway_causes_one_warning(url: str, caplog: pytest.LogCaptureFixture) -> None:
    assert warned(url, caplog)


@pytest.mark.parametrize("status", [400, 500])
def test_a_pushgateway_that_rejects_a_group_still_gets_the_next_one_and_causes_a_warning(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with recording_pushgateway(status) as gateway:
        assert warned(gateway.url, caplog)
        assert len(gateway.pushes) == 2


def test_a_pushgateway_that_does_not_respond_is_given_up_in_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pushgateway, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        assert warned(f"http://127.0.0.1:{silent.getsockname()[1]}", caplog)
        assert time.monotonic() - started < 2


def test_a_response_that_arrives_byte_by_byte_is_given_up_in_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pushgateway, "TIMEOUT_SECONDS", 0.3)
    stopped = threading.Event()

    def trickle(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
            while not stopped.wait(0.05):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=trickle, args=(server,), daemon=True).start()
        assert warned(f"http://127.0.0.1:{server.getsockname()[1]}", caplog)
        stopped.set()
