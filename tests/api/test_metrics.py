"""The API's metrics: what they count, and that no client can add series to them."""

import asyncio
import json
import os
import random
import string
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from api.access_log import LogOutput
from api.app import create_app
from api.example import EXAMPLE
from api.fast_path import FastPath
from api.metrics import METHODS
from readmit.core.version import PROMOTE_STEP, Note
from readmit.settings import Settings
from tests.api.conftest import LOCAL

Client = TestClient[FastPath]
TOKEN = {"Authorization": "Bearer a token of the tests"}
AT = datetime(2026, 11, 27, 12, tzinfo=UTC)
NOTE = Note(AT.isoformat(timespec="microseconds"), "ana", "better")


def series(text: str) -> dict[str, float]:
    """Return the value of each series."""
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def metric(client: Client, name: str) -> float | None:
    return series(client.get("/metrics").text).get(name)


class AsgiClient:
    """A client without HTTP, which is fast and sends any method and path."""

    def __init__(self, app: FastPath) -> None:
        self._app = app

    async def send(self, method: str, path: str, body: bytes = b"", until: asyncio.Event | None = None) -> bytes:
        """Send a request, whose body is delivered when the event is set, and return the body of the response."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            **{"method": method, "path": path, "raw_path": path.encode(), "root_path": "", "scheme": "http"},
            **{"query_string": b"", "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]},
            **{"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {}},
        }
        sent: list[Any] = []

        async def receive() -> dict[str, object]:
            if until is not None:
                await until.wait()
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)  # type: ignore[arg-type] - a scope of ASGI, which Litestar types in detail
        return b"".join(message.get("body", b"") for message in sent)

    async def metrics(self) -> dict[str, float]:
        return series((await self.send("GET", "/metrics")).decode())


def test_ten_thousand_random_paths_and_methods_add_no_series(model_source: Any, settings: Settings) -> None:
    rng, prefixes = random.Random(21), ("/", "/predict/", "/versions/", "/docs/", "/health/", "/schema/")

    def text() -> str:
        return "".join(rng.choices(string.ascii_letters + string.digits + "/._-%", k=rng.randint(1, 30)))

    async def scan(log: int) -> None:
        client = AsgiClient(create_app(model_source, settings, LogOutput(log)))
        for method, prefix, path in product((*METHODS, "BREW"), prefixes, ("x", "x/y")):
            await client.send(method, prefix + path)
        await client.metrics()
        before = (await client.metrics()).keys()
        for number in range(10_000):
            method = rng.choice(sorted(METHODS)) if number % 2 else text().upper()
            await client.send(method, rng.choice(prefixes) + "x" + text())
        after = await client.metrics()
        assert after.keys() == before
        assert sum(value for name, value in after.items() if name.startswith("readmit_http_requests_total")) > 10_000

    with Path(os.devnull).open("wb") as log:
        asyncio.run(scan(log.fileno()))


def test_an_unknown_method_on_a_known_path_shares_one_label(model_source: Any, settings: Settings) -> None:
    async def scan() -> None:
        client = AsgiClient(create_app(model_source, settings))
        for number in range(50):
            await client.send(f"BREW{number}", "/predict")
        counted = [name for name in await client.metrics() if name.startswith("readmit_http_requests_total")]
        assert len([name for name in counted if 'method="other"' in name]) == 1
        assert not any("BREW" in name for name in counted)

    asyncio.run(scan())


def test_requests_in_flight_are_those_without_a_response_yet(model_source: Any, settings: Settings) -> None:
    in_flight, body = "readmit_http_requests_in_flight", json.dumps(EXAMPLE).encode()

    async def count() -> None:
        client = AsgiClient(create_app(model_source, settings))
        assert (await client.metrics())[in_flight] == 1, "the scrape itself"
        delivered = asyncio.Event()
        waiting = [asyncio.create_task(client.send("POST", "/predict", body, delivered)) for _ in range(3)]
        await asyncio.sleep(0)
        assert (await client.metrics())[in_flight] == 4
        delivered.set()
        await asyncio.gather(*waiting)
        assert (await client.metrics())[in_flight] == 1

    asyncio.run(count())


def test_a_request_that_is_rejected_or_broken_off_is_no_longer_in_flight(client: Client) -> None:
    assert client.get("/health", headers={"Host": "evil.example"}).status_code == 400
    assert metric(client, "readmit_http_requests_in_flight") == 1

    async def break_off() -> None:
        api = AsgiClient(client.app)
        waiting = asyncio.create_task(api.send("POST", "/predict", b"", asyncio.Event()))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])

    asyncio.run(break_off())
    assert metric(client, "readmit_http_requests_in_flight") == 1


def test_the_rows_of_a_batch_are_counted_with_or_without_a_prediction(client: Client) -> None:
    client.post("/predict_batch", json=[EXAMPLE, {}, {**EXAMPLE, "discharge_disposition_id": 11}])
    assert metric(client, "readmit_batch_rows_total") == 3
    client.post("/predict", json=EXAMPLE)
    client.post("/predict_batch", content=b"[")
    assert metric(client, "readmit_batch_rows_total") == 3


def test_reloads_are_counted_when_another_model_is_put_into_service(
    client: Client, model_source: Any, later: Any
) -> None:
    reloads = "readmit_model_reloads_total"
    assert metric(client, reloads) == 1
    client.post("/reload_model", headers=TOKEN).raise_for_status()
    assert metric(client, reloads) == 1
    model_source.promote(later)
    client.post("/reload_model", headers=TOKEN).raise_for_status()
    assert metric(client, reloads) == 2


def test_the_time_of_promotion_is_that_of_the_note_and_absent_while_it_is_not_known(
    client: Client, model_source: Any
) -> None:
    promoted = 'readmit_model_promoted_timestamp_seconds{cause="rollback"}'
    assert metric(client, promoted) is None
    for note, expected in ((NOTE, AT.timestamp()), (replace(NOTE, at="yesterday"), None), (NOTE, AT.timestamp())):
        model_source.alias = replace(model_source.alias, promoted_note=note)
        client.post("/reload_model", headers=TOKEN).raise_for_status()
        assert metric(client, promoted) == expected


def test_the_promotion_by_a_day_differs_from_that_by_a_person(client: Client, model_source: Any) -> None:
    model_source.alias = replace(model_source.alias, promoted_note=replace(NOTE, by=PROMOTE_STEP))
    client.post("/reload_model", headers=TOKEN).raise_for_status()
    (times,) = [line for line in series(client.get("/metrics").text) if "model_promoted" in line]
    assert times == 'readmit_model_promoted_timestamp_seconds{cause="day"}'


def test_without_a_model_there_is_no_time_of_promotion(model_source: Any, settings: Settings) -> None:
    model_source.alias = None
    with TestClient(create_app(model_source, settings), base_url=LOCAL) as client:
        assert "readmit_model_promoted_timestamp_seconds{" not in client.get("/metrics").text
        assert metric(client, "readmit_model_reloads_total") == 0
        assert metric(client, "readmit_model_reload_failures_total") == 0


def test_an_alias_that_disappears_is_a_failure_at_every_poll_while_the_old_model_serves(
    model_source: Any, settings: Settings
) -> None:
    quick = settings.model_copy(update={"model_poll_seconds": 0.02})
    with TestClient(create_app(model_source, quick), base_url=LOCAL) as client:
        model_source.alias, alias = None, model_source.alias
        failures = (metric(client, "readmit_model_reload_failures_total") or 0 for _ in range(500))
        assert any(count >= 3 for count in failures)
        assert client.post("/predict", json=EXAMPLE).headers["x-model-version"] == "1"
        ready = client.get("/health/ready")
        assert ready.status_code == 200
        assert ready.json()["reload_failure"].endswith("no version is in production any more")
        assert client.post("/reload_model", headers=TOKEN).status_code == 503
        model_source.alias = alias
        assert client.post("/reload_model", headers=TOKEN).json() == {"version": "1", "reloaded": False}
        assert client.get("/health").json()["reload_failure"] is None


@pytest.mark.parametrize("name", ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"])
def test_the_process_itself_is_measured(client: Client, name: str) -> None:
    assert (metric(client, name) or 0) > 0
