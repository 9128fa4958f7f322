"""The model that serves goes on serving, whatever fails around it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from litestar.testing import TestClient

from api.app import create_app
from api.example import EXAMPLE
from api.model_manager import ModelSource
from api.registered_models import RegisteredModels
from readmit.core.errors import RegistryUnavailable, VersionUnusable
from readmit.core.version import Note, Version
from readmit.io.model_cache import ModelCache
from readmit.io.registry.rest_registry import RestRegistry
from readmit.settings import Settings
from tests.api.conftest import LOCAL

TOKEN = {"Authorization": "Bearer a token of the tests"}


def test_without_its_registry_the_api_starts_with_the_version_that_served_last(
    model_source: Any, settings: Settings
) -> None:
    with TestClient(create_app(model_source, settings), base_url=LOCAL) as client:
        answer = client.post("/predict", json=EXAMPLE).json()
    model_source.registry_error = RegistryUnavailable("http://127.0.0.1:1 does not answer")
    with TestClient(create_app(model_source, settings), base_url=LOCAL) as client:
        again = client.post("/predict", json=EXAMPLE).json()
        assert {**again, "request_id": ""} == {**answer, "request_id": ""}
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()["model_version"]) == (200, "1")
        assert "registry is unavailable" in ready.json()["reload_failure"]


def test_after_a_restart_the_copy_on_disk_serves_although_the_alias_was_removed(
    model_source: Any, settings: Settings
) -> None:
    with TestClient(create_app(model_source, settings), base_url=LOCAL) as client:
        client.post("/predict", json=EXAMPLE).raise_for_status()
    model_source.alias = None
    with TestClient(create_app(model_source, settings), base_url=LOCAL) as client:
        assert client.post("/predict", json=EXAMPLE).headers["x-model-version"] == "1"
        assert "no version is in production any more" in client.get("/health/ready").json()["reload_failure"]


def test_a_damaged_copy_does_not_serve_and_the_api_reports_both_reasons(
    model_source: Any, settings: Settings, served: Any
) -> None:
    model_source.registry_error = RegistryUnavailable("http://127.0.0.1:1 does not answer")
    model_source.copy_on_disk = served.version, served.artifact[:-100]
    with TestClient(create_app(model_source, settings), base_url=LOCAL) as client:
        assert client.post("/predict", json=EXAMPLE).status_code == 503
        failure = client.get("/health/ready").json()["reload_failure"]
    assert "registry is unavailable" in failure
    assert "the copy on disk cannot be used either" in failure


def test_when_the_last_copy_is_damaged_the_previous_one_serves(
    model_source: Any, settings: Settings, served: Any, later: Any
) -> None:
    model_source.registry_error = RegistryUnavailable("http://127.0.0.1:1 does not answer")
    model_source.copy_on_disk, model_source.previous_copy_on_disk = (
        (later.version, later.artifact[:-100]),
        (served.version, served.artifact),
    )
    with TestClient(create_app(model_source, settings), base_url=LOCAL) as client:
        assert client.post("/predict", json=EXAMPLE).headers["x-model-version"] == "1"
        ready = client.get("/health/ready")
    assert ready.status_code == 200
    assert "the copy on disk cannot be used either" in ready.json()["reload_failure"]


def test_a_rollback_to_the_version_before_needs_neither_the_artifact_store_nor_the_disk(
    model_source: Any, settings: Settings, later: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TestClient(create_app(model_source, settings), base_url=LOCAL) as client:
        first = client.get("/model").json()
        model_source.promote(later)
        client.post("/reload_model", headers=TOKEN).raise_for_status()
        model_source.artifact_error = RegistryUnavailable("the artifact store does not answer")
        monkeypatch.setattr(model_source, "store_copy", _full)
        result = client.post("/rollback", headers=TOKEN, json={"version": "1", "by": "ana", "why": "flags nobody"})
        assert (result.json()["version"], result.json()["served"]) == ("1", True)
        assert client.post("/predict", json=EXAMPLE).headers["x-model-version"] == "1"
        again = client.get("/model").json()
        assert again["loaded_at"] > first["loaded_at"]
        assert client.get("/health/ready").json()["reload_failure"] is None


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_version_serves_although_its_copy_cannot_be_stored(
    model_source: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(model_source, "store_copy", _full)
    with TestClient(create_app(model_source, settings), base_url=LOCAL) as client:
        assert client.post("/predict", json=EXAMPLE).status_code == 200
        assert client.get("/health/ready").json()["reload_failure"] is None
    assert "a copy of it could not be stored" in caplog.text


def test_a_new_verdict_on_the_loaded_version_is_reported_without_loading_it_again(
    model_source: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TestClient(create_app(model_source, settings), base_url=LOCAL) as client:
        before = client.get("/model").json()
        model_source.alias = replace(model_source.alias, figures={"roc_auc": 0.7})
        monkeypatch.setattr(model_source, "artifact", lambda _: pytest.fail("the loaded version was read again"))
        assert client.post("/reload_model", headers=TOKEN).json() == {"version": "1", "reloaded": False}
        assert client.get("/model").json() == {**before, "figures": {"roc_auc": 0.7}}


def test_the_copy_on_disk_is_the_version_that_was_stored_last_and_undamaged(
    tmp_path: Path, served: Any, additive: Any
) -> None:
    cache = ModelCache(tmp_path / "models")
    assert cache.current() is None
    cache.store(served.version, served.artifact)
    cache.store(additive.version, additive.artifact)
    assert cache.current() == (additive.version, additive.artifact)
    assert cache.artifact(served.version.scorer) == served.artifact
    file = tmp_path / "models" / f"scorer-{additive.version.scorer}.json"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert cache.artifact(additive.version.scorer) is None
    with pytest.raises(VersionUnusable, match="missing or damaged"):
        cache.current()


def numbered(version: Version, number: int, target: str = "within_30_days") -> Version:
    return replace(version, number=str(number), target=target)


def test_the_version_that_was_replaced_is_stored_too(tmp_path: Path, served: Any, additive: Any) -> None:
    cache = ModelCache(tmp_path)
    cache.store(served.version, served.artifact)
    assert cache.previous() is None
    for _ in range(2):
        cache.store(additive.version, additive.artifact)
        assert cache.previous() == (served.version, served.artifact)
    (tmp_path / f"scorer-{additive.version.scorer}.json").write_bytes(b"damaged")
    with pytest.raises(VersionUnusable, match="missing or damaged"):
        cache.current()
    assert cache.previous() == (served.version, served.artifact)
    for number in range(6):
        (tmp_path / f"scorer-{number}.json").write_text("newer")
    cache.store(additive.version, additive.artifact)
    assert cache.previous() == (served.version, served.artifact), "however old its file is"


class NoFiles(RestRegistry):
    """A registry whose artifact store is unavailable."""

    def scorer(self, version: Version) -> bytes:
        raise RegistryUnavailable(f"the file of version {version.number} is not handed out")


def test_a_rollback_after_a_restart_uses_the_copy_on_disk(tmp_path: Path, served: Any, additive: Any) -> None:
    for fitted in (served, additive):
        ModelCache(tmp_path).store(fitted.version, fitted.artifact)
    models = RegisteredModels(NoFiles("http://127.0.0.1:1"), ModelCache(tmp_path))
    assert models.artifact(served.version) == served.artifact
    (tmp_path / f"scorer-{served.version.scorer}.json").write_bytes(served.artifact[:-1])
    with pytest.raises(RegistryUnavailable, match="the file of version 1 is not handed out"):
        models.artifact(served.version)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param((2, "within_30_days"), (1, "within_30_days"), id="a person rolled back from it"),
        pytest.param((1, "any"), (2, "within_30_days"), id="it answers another question"),
    ],
)
def test_a_version_that_must_not_replace_another_is_not_its_previous_copy(
    before: tuple[int, str], now: tuple[int, str], tmp_path: Path, served: Any, additive: Any
) -> None:
    cache = ModelCache(tmp_path)
    cache.store(numbered(additive.version, *before), additive.artifact)
    cache.store(numbered(served.version, *now), served.artifact)
    assert cache.current() == (numbered(served.version, *now), served.artifact)
    assert cache.previous() is None


def test_a_truncated_index_of_the_cache_does_not_keep_a_version_from_being_stored(tmp_path: Path, served: Any) -> None:
    (tmp_path / "production.json").write_text('{"number": "1"')
    cache = ModelCache(tmp_path)
    cache.store(served.version, served.artifact)
    assert cache.current() == (served.version, served.artifact)
    assert cache.previous() is None


def test_a_copy_from_before_fields_were_renamed_keeps_its_notes(tmp_path: Path, served: Any) -> None:
    note = Note("2026-11-27T12:00:00.000000+00:00", "ana", "flags everybody")
    version = replace(served.version, promoted_note=note, rolled_back_note=note)
    cache = ModelCache(tmp_path)
    cache.store(version, served.artifact)
    file = tmp_path / "production.json"
    file.write_text(file.read_text().replace('"promoted_note"', '"placed"').replace('"rolled_back_note"', '"left"'))
    assert cache.current() == (version, served.artifact)


def test_old_copies_are_deleted_but_not_the_one_that_serves(tmp_path: Path, served: Any) -> None:
    cache = ModelCache(tmp_path)
    cache.store(served.version, served.artifact)
    os.utime(tmp_path / f"scorer-{served.version.scorer}.json", (1, 1))
    for number in range(6):
        (tmp_path / f"scorer-{number}.json").write_text("of another version")
    cache.store(served.version, served.artifact)
    assert len(list(tmp_path.glob("scorer-*.json"))) == 3
    assert cache.current() == (served.version, served.artifact)


SERVE_SCRIPT = """
import sys
from pathlib import Path
from api import __main__ as api
from api.app import create_app
from readmit.io.model_cache import ModelCache
from readmit.core.errors import RegistryUnavailable
from readmit.settings import Settings

class Unavailable:
    def __init__(self, folder):
        cache = ModelCache(Path(folder))
        self.last_copy, self.previous_copy = cache.current, cache.previous
    def production(self):
        raise RegistryUnavailable("no registry")

folder = sys.argv.pop(1)
api.create_app = lambda output: create_app(Unavailable(folder), Settings(), output)
api.main()
"""


@contextmanager
def run_api(folder: Path, log: Path | None = None) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    """Run a process that serves the copy in a folder; yield it, its address and the file with its output."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    out = log or folder / "out.txt"
    command = [sys.executable, "-c", SERVE_SCRIPT, str(folder), "--port", str(port)]
    with out.open("wb") as written, subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT) as process:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            try:
                httpx.get(f"{address}/health/ready", trust_env=False).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.05)
        try:
            yield process, address, out
        finally:
            process.kill()


@pytest.fixture
def folder(tmp_path: Path, served: Any) -> Path:
    ModelCache(tmp_path).store(served.version, served.artifact)
    return tmp_path


def test_at_sigterm_open_connections_get_a_last_response_that_closes_them(folder: Path) -> None:
    with run_api(folder) as (process, address, _):
        outcomes: list[tuple[int, str]] = []
        errors = []

        def send_requests() -> None:
            with httpx.Client(base_url=address, trust_env=False) as client:
                while True:
                    try:
                        response = client.post("/predict", json=EXAMPLE)
                    except httpx.ConnectError:
                        # The server is gone: no request was begun.
                        return
                    except httpx.HTTPError as error:
                        errors.append(error)
                        return
                    outcomes.append((response.status_code, response.headers.get("connection", "")))

        threads = [threading.Thread(target=send_requests) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)
        for thread in threads:
            thread.join(20)
    assert not errors
    assert {status for status, _ in outcomes} == {200}
    assert sum(connection == "close" for _, connection in outcomes) == len(threads)


def test_at_sigterm_a_batch_in_progress_is_completed(folder: Path) -> None:
    with run_api(folder) as (process, address, _):
        responses: list[httpx.Response] = []
        content = json.dumps([EXAMPLE] * 30_000)
        thread = threading.Thread(
            target=lambda: responses.append(
                httpx.post(f"{address}/predict_batch", content=content, timeout=60, trust_env=False)
            )
        )
        thread.start()
        while not psutil.Process(process.pid).children():
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        thread.join(60)
        process.wait(20)
    assert len(responses[0].json()["predictions"]) == 30_000


def test_the_batch_worker_ends_with_the_api_even_if_the_api_is_killed(folder: Path) -> None:
    with run_api(folder) as (process, address, _):
        httpx.post(f"{address}/predict_batch", json=[EXAMPLE], timeout=60, trust_env=False).raise_for_status()
        (worker,) = psutil.Process(process.pid).children()
        process.kill()
        process.wait(10)
        worker.wait(10)


def test_the_log_is_json_with_the_request_id_and_no_patient_data(folder: Path) -> None:
    with run_api(folder) as (process, address, out):
        for path in ("/predict", "/predict?explain=true"):
            httpx.post(
                address + path,
                json={**EXAMPLE, "encounter_id": 918273645},
                headers={"X-Request-ID": "ward-7"},
                trust_env=False,
            )
        httpx.post(f"{address}/predict", json={"race": "Martian-918273645"}, trust_env=False)
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        text = out.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    logged = [line for line in lines if line.get("request_id") == "ward-7"]
    assert [(line["method"], line["route"], line["status"]) for line in logged] == [("POST", "/predict", 200)] * 2
    assert all({"at", "level", "logger"} <= set(line) for line in lines)
    assert "918273645" not in text
    assert "Martian" not in text


def test_the_model_source_of_these_tests_has_the_protocols_methods(model_source: Any) -> None:
    models: ModelSource = model_source
    assert models.production() is not None
