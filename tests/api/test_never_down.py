"""What is served goes on being served, whatever becomes of the rest."""

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


def test_without_its_registry_the_api_starts_with_the_version_that_it_served_last(
    shelf: Any, settings: Settings
) -> None:
    with TestClient(create_app(shelf, settings), base_url=LOCAL) as client:
        answer = client.post("/predict", json=EXAMPLE).json()
    shelf.away = RegistryUnavailable("http://127.0.0.1:1 does not answer")
    with TestClient(create_app(shelf, settings), base_url=LOCAL) as client:
        again = client.post("/predict", json=EXAMPLE).json()
        assert {**again, "request_id": ""} == {**answer, "request_id": ""}
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()["model_version"]) == (200, "1")
        assert "does not answer" in ready.json()["reload_failure"]


def test_a_copy_that_is_damaged_is_not_served_and_the_api_says_both_reasons(
    shelf: Any, settings: Settings, served: Any
) -> None:
    shelf.away = RegistryUnavailable("http://127.0.0.1:1 does not answer")
    shelf.on_disk = served.version, served.artifact[:-100]
    with TestClient(create_app(shelf, settings), base_url=LOCAL) as client:
        assert client.post("/predict", json=EXAMPLE).status_code == 503
        said = client.get("/health/ready").json()["reload_failure"]
    assert "does not answer" in said
    assert "the copy on disk cannot be used either" in said


def test_when_the_last_copy_is_damaged_the_one_before_is_served(
    shelf: Any, settings: Settings, served: Any, later: Any
) -> None:
    shelf.away = RegistryUnavailable("http://127.0.0.1:1 does not answer")
    shelf.on_disk, shelf.before_on_disk = (later.version, later.artifact[:-100]), (served.version, served.artifact)
    with TestClient(create_app(shelf, settings), base_url=LOCAL) as client:
        assert client.post("/predict", json=EXAMPLE).headers["x-model-version"] == "1"
        ready = client.get("/health/ready")
    assert ready.status_code == 200
    assert "the copy on disk cannot be used either" in ready.json()["reload_failure"]


def test_a_rollback_to_the_version_before_needs_neither_the_artifact_store_nor_the_disk(
    shelf: Any, settings: Settings, later: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TestClient(create_app(shelf, settings), base_url=LOCAL) as client:
        first = client.get("/model").json()
        shelf.promote(later)
        client.post("/reload_model", headers=TOKEN).raise_for_status()
        shelf.damaged = RegistryUnavailable("the artifact store does not answer")
        monkeypatch.setattr(shelf, "keep", _full)
        told = client.post("/rollback", headers=TOKEN, json={"version": "1", "by": "ana", "why": "flags nobody"}).json()
        assert (told["version"], told["served"]) == ("1", True)
        assert client.post("/predict", json=EXAMPLE).headers["x-model-version"] == "1"
        again = client.get("/model").json()
        assert again["loaded_at"] > first["loaded_at"]
        assert client.get("/health/ready").json()["reload_failure"] is None


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_disk_that_takes_no_copy_does_not_keep_a_version_from_being_served(
    shelf: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shelf, "keep", _full)
    with TestClient(create_app(shelf, settings), base_url=LOCAL) as client:
        assert client.post("/predict", json=EXAMPLE).status_code == 200
        assert client.get("/health/ready").json()["reload_failure"] is None
    assert "no copy of it could be kept" in caplog.text


def test_a_verdict_on_what_is_served_is_told_and_nothing_is_loaded_anew(
    shelf: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TestClient(create_app(shelf, settings), base_url=LOCAL) as client:
        before = client.get("/model").json()
        shelf.alias = replace(shelf.alias, figures={"roc_auc": 0.7})
        monkeypatch.setattr(shelf, "artifact", lambda _: pytest.fail("asked for what is served"))
        assert client.post("/reload_model", headers=TOKEN).json() == {"version": "1", "reloaded": False}
        assert client.get("/model").json() == {**before, "figures": {"roc_auc": 0.7}}


def test_the_copy_on_disk_is_the_version_that_was_kept_last_whole(tmp_path: Path, served: Any, additive: Any) -> None:
    kept = ModelCache(tmp_path / "models")
    assert kept.last() is None
    kept.keep(served.version, served.artifact)
    kept.keep(additive.version, additive.artifact)
    assert kept.last() == (additive.version, additive.artifact)
    assert kept.artifact(served.version.scorer) == served.artifact
    file = tmp_path / "models" / f"scorer-{additive.version.scorer}.json"
    found = bytearray(file.read_bytes())
    found[len(found) // 2] ^= 1
    file.write_bytes(found)
    assert kept.artifact(additive.version.scorer) is None
    with pytest.raises(VersionUnusable, match="not whole"):
        kept.last()


def numbered(version: Version, number: int, target: str = "within_30_days") -> Version:
    return replace(version, number=str(number), target=target)


def test_the_version_that_was_replaced_is_kept_too(tmp_path: Path, served: Any, additive: Any) -> None:
    kept = ModelCache(tmp_path)
    kept.keep(served.version, served.artifact)
    assert kept.previous() is None
    for _ in range(2):
        kept.keep(additive.version, additive.artifact)
        assert kept.previous() == (served.version, served.artifact)
    (tmp_path / f"scorer-{additive.version.scorer}.json").write_bytes(b"damaged")
    with pytest.raises(VersionUnusable, match="not whole"):
        kept.last()
    assert kept.previous() == (served.version, served.artifact)
    for number in range(6):
        (tmp_path / f"scorer-{number}.json").write_text("newer")
    kept.keep(additive.version, additive.artifact)
    assert kept.previous() == (served.version, served.artifact), "however old its file is"


class NoFiles(RestRegistry):
    """A registry whose artifact store is away."""

    def scorer(self, version: Version) -> bytes:
        raise RegistryUnavailable(f"the file of version {version.number} is not handed out")


def test_who_goes_back_after_a_restart_takes_the_copy_on_disk(tmp_path: Path, served: Any, additive: Any) -> None:
    for each in (served, additive):
        ModelCache(tmp_path).keep(each.version, each.artifact)
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
def test_what_must_not_be_served_in_place_of_a_version_is_not_kept_as_its_previous_one(
    before: tuple[int, str], now: tuple[int, str], tmp_path: Path, served: Any, additive: Any
) -> None:
    kept = ModelCache(tmp_path)
    kept.keep(numbered(additive.version, *before), additive.artifact)
    kept.keep(numbered(served.version, *now), served.artifact)
    assert kept.last() == (numbered(served.version, *now), served.artifact)
    assert kept.previous() is None


def test_a_torn_note_of_what_is_kept_does_not_keep_a_version_from_being_kept(tmp_path: Path, served: Any) -> None:
    (tmp_path / "production.json").write_text('{"number": "1"')
    kept = ModelCache(tmp_path)
    kept.keep(served.version, served.artifact)
    assert kept.last() == (served.version, served.artifact)
    assert kept.previous() is None


def test_a_copy_from_before_fields_were_renamed_keeps_its_notes(tmp_path: Path, served: Any) -> None:
    note = Note("2026-11-27T12:00:00.000000+00:00", "ana", "flags everybody")
    version = replace(served.version, promoted_note=note, rolled_back_note=note)
    cache = ModelCache(tmp_path)
    cache.keep(version, served.artifact)
    file = tmp_path / "production.json"
    file.write_text(file.read_text().replace('"promoted_note"', '"placed"').replace('"rolled_back_note"', '"left"'))
    assert cache.last() == (version, served.artifact)


def test_copies_do_not_pile_up_and_the_one_that_is_served_stays(tmp_path: Path, served: Any) -> None:
    kept = ModelCache(tmp_path)
    kept.keep(served.version, served.artifact)
    os.utime(tmp_path / f"scorer-{served.version.scorer}.json", (1, 1))
    for number in range(6):
        (tmp_path / f"scorer-{number}.json").write_text("of another version")
    kept.keep(served.version, served.artifact)
    assert len(list(tmp_path.glob("scorer-*.json"))) == 3
    assert kept.last() == (served.version, served.artifact)


SERVE = """
import sys
from pathlib import Path
from api import __main__ as api
from api.app import create_app
from readmit.io.model_cache import Kept
from readmit.core.errors import RegistryAway
from readmit.settings import Settings

class Away:
    def __init__(self, folder):
        self.kept, self.previously_kept = Kept(Path(folder)).last, Kept(Path(folder)).previous
    def production(self):
        raise RegistryAway("nobody is there")

folder = sys.argv.pop(1)
api.create_app = lambda output: create_app(Away(folder), Settings(), output)
api.main()
"""


@contextmanager
def serving(folder: Path, log: Path | None = None) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    """A process that serves the copy in a folder; its address, and the file that takes what it writes."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    out = log or folder / "out.txt"
    command = [sys.executable, "-c", SERVE, str(folder), "--port", str(port)]
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
    ModelCache(tmp_path).keep(served.version, served.artifact)
    return tmp_path


def test_at_sigterm_whoever_is_connected_is_answered_and_told_that_it_was_the_last_time(folder: Path) -> None:
    with serving(folder) as (process, address, _):
        outcomes: list[tuple[int, str]] = []
        refused = []

        def ask() -> None:
            with httpx.Client(base_url=address, trust_env=False) as client:
                while True:
                    try:
                        response = client.post("/predict", json=EXAMPLE)
                    except httpx.ConnectError:
                        # There is nobody to connect to any more: nothing was begun.
                        return
                    except httpx.HTTPError as error:
                        refused.append(error)
                        return
                    outcomes.append((response.status_code, response.headers.get("connection", "")))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)
        for thread in threads:
            thread.join(20)
    assert not refused
    assert {status for status, _ in outcomes} == {200}
    assert sum(connection == "close" for _, connection in outcomes) == len(threads)


def test_at_sigterm_a_batch_that_was_begun_is_answered(folder: Path) -> None:
    with serving(folder) as (process, address, _):
        found: list[httpx.Response] = []
        content = json.dumps([EXAMPLE] * 30_000)
        ask = threading.Thread(
            target=lambda: found.append(
                httpx.post(f"{address}/predict_batch", content=content, timeout=60, trust_env=False)
            )
        )
        ask.start()
        while not psutil.Process(process.pid).children():
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        ask.join(60)
        process.wait(20)
    assert len(found[0].json()["predictions"]) == 30_000


def test_who_works_on_batches_ends_with_the_api_even_if_that_is_killed(folder: Path) -> None:
    with serving(folder) as (process, address, _):
        httpx.post(f"{address}/predict_batch", json=[EXAMPLE], timeout=60, trust_env=False).raise_for_status()
        (worker,) = psutil.Process(process.pid).children()
        process.kill()
        process.wait(10)
        worker.wait(10)


def test_what_it_writes_is_json_with_the_requests_id_and_nothing_of_a_patient(folder: Path) -> None:
    with serving(folder) as (process, address, out):
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
    noted = [line for line in lines if line.get("request_id") == "ward-7"]
    assert [(line["method"], line["route"], line["status"]) for line in noted] == [("POST", "/predict", 200)] * 2
    assert all({"at", "level", "logger"} <= set(line) for line in lines)
    assert "918273645" not in text
    assert "Martian" not in text


def test_the_shelf_of_these_tests_is_what_serving_asks_for(shelf: Any) -> None:
    models: ModelSource = shelf
    assert models.production() is not None
