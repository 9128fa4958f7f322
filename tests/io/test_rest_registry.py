"""The registry without its library: on a real MLflow server, and on servers that respond incorrectly."""

import hashlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from api.model_examples import EVALUATION
from readmit.core.errors import (
    EvaluationMissing,
    RegistryUnavailable,
    RollbackRejected,
    UnknownVersion,
    VersionUnusable,
)
from readmit.core.evaluation import VersionEvaluation
from readmit.core.version import MODEL, PRODUCTION, SCORER_FILE, SCORER_TAG, Version
from readmit.embedded.stack import Stack
from readmit.io.registry import rest_client, rest_registry
from readmit.io.registry.model_versions import Registry
from readmit.io.registry.rest_registry import RestRegistry
from tests.io.conftest import StubResponse

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SCORER = b'{"trees": []}'
TAGS = {"candidate": "lightgbm", "threshold": "0.125", "batch": "3", "snapshot": "abc", "code": "def"}
StubServer = Callable[[Callable[[str], StubResponse]], str]


@dataclass(frozen=True, slots=True)
class Server:
    """A real server without versions. `rest`: the registry of the API; `pipeline`: that of the pipeline."""

    client: MlflowClient
    rest: RestRegistry
    pipeline: Registry

    def add(self, scorer: bytes | None = SCORER, target: str = "any", hashed: bytes | None = None) -> str:
        """Register a version with or without a compiled scorer; `hashed`: bytes to hash for the tag instead of it."""
        run = self.client.create_run("0")
        tags = {**TAGS, "target": target}
        if scorer is not None:
            self.client.log_text(run.info.run_id, scorer.decode(), SCORER_FILE)
            tags[SCORER_TAG] = hashlib.sha256(hashed or scorer).hexdigest()
        with suppress(MlflowException):
            self.client.create_registered_model(MODEL)
        version = self.client.create_model_version(MODEL, f"runs:/{run.info.run_id}/model", run.info.run_id, tags)
        return str(version.version)

    def promote(self, *targets: str) -> list[str]:
        """Register versions and promote each, one hour after the other."""
        numbers = [self.add(target=target) for target in targets]
        for hour, number in enumerate(numbers):
            self.pipeline.set_production(number, "promote", "better", NOW - timedelta(hours=len(numbers) - hour))
        return numbers

    def production(self) -> str:
        return str(self.client.get_model_version_by_alias(MODEL, PRODUCTION).version)


@pytest.fixture
def server(stack: Stack) -> Iterator[Server]:
    address = stack.addresses["mlflow"]
    client = MlflowClient(address)
    with suppress(MlflowException):
        client.delete_registered_model(MODEL)
    yield Server(client, RestRegistry(address), Registry(address))
    with suppress(MlflowException):
        client.delete_registered_model(MODEL)


def numbers(versions: tuple[Version, Version]) -> tuple[str, str]:
    return versions[0].number, versions[1].number


def test_it_reads_the_same_as_the_library(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (server.rest.production(), server.rest.versions()) == (None, [])
    first = server.add()
    assert server.rest.production() is None, "the model exists, but not the alias"
    second, third = server.promote("any", "within_30_days")
    server.pipeline.tag_figures(second, {"roc_auc": 0.7}, "promoted: better")
    assert server.rest.production() == server.pipeline.production() == server.rest.version(third)
    monkeypatch.setattr(rest_registry, "PAGE_SIZE", 2)
    assert server.rest.versions() == server.pipeline.versions()
    assert [version.number for version in server.rest.versions()] == [first, second, third]
    for number in ("7", "x", "²"):
        with pytest.raises(UnknownVersion, match="version"):
            server.rest.version(number)


def test_a_scorer_is_returned_only_if_it_is_the_registered_one(server: Server) -> None:
    intact, without_scorer, damaged = server.add(), server.add(None), server.add(hashed=b"another one")
    assert server.rest.scorer(server.rest.version(intact)) == SCORER
    with pytest.raises(VersionUnusable, match=f"version {without_scorer} can't be served: an older release created it"):
        server.rest.scorer(server.rest.version(without_scorer))
    with pytest.raises(VersionUnusable, match=f"version {damaged}: scorer.json has SHA-256 {'[0-9a-f]' * 8}"):
        server.rest.scorer(server.rest.version(damaged))


def test_an_evaluation_is_stored_with_its_pictures_and_returned_only_if_it_is_the_registered_one(
    server: Server,
) -> None:
    number = server.add()
    version = server.rest.version(number)
    with pytest.raises(EvaluationMissing, match=f"version {number} has no evaluation"):
        server.rest.evaluation(version)
    evaluation = VersionEvaluation.from_json(json.dumps(EVALUATION))
    server.pipeline.store_evaluation(version, evaluation)
    stored = server.rest.version(number)
    assert server.rest.evaluation(stored) == server.pipeline.evaluation(stored) == evaluation
    assert (stored.comparable_roc_auc, version.comparable_roc_auc) == (0.677, None)
    pictures = {item.path for item in server.client.list_artifacts(version.run_id) if item.path.endswith(".png")}
    names = ("roc", "precision_recall", "calibration", "decision_curve", "subgroups", "importances")
    assert pictures == {f"test_{name}.png" for name in names}
    with pytest.raises(VersionUnusable, match=r"evaluation\.json has SHA-256"):
        server.rest.evaluation(replace(stored, evaluation="0" * 64))


def test_a_rollback_restores_the_previous_version_and_notes_who_and_why_on_both(server: Server) -> None:
    first, second, third = server.promote("any", "any", "any")
    rolled_back, target = server.rest.roll_back(None, " ana ", "flags everybody", NOW)
    assert numbers((rolled_back, target)) == (third, second)
    assert (rolled_back, target) == (server.rest.version(third), server.rest.production())
    assert rolled_back.rolled_back_note == target.promoted_note
    assert rolled_back.rolled_back_note is not None
    assert (rolled_back.rolled_back_note.by, rolled_back.rolled_back_note.why, rolled_back.rolled_back_note.at) == (
        "ana",
        "flags everybody",
        "2026-11-27T12:00:00.000000+00:00",
    )
    assert numbers(server.rest.roll_back(None, "ana", "this one, too", NOW)) == (second, first)
    with pytest.raises(RollbackRejected, match="no version of the target any is known to have served before"):
        server.rest.roll_back(None, "ana", "and this one", NOW)
    assert numbers(server.rest.roll_back(third, "ben", "it was not the model", NOW)) == (first, third)
    assert server.production() == third
    assert not server.rest.version(third).rolled_back


def test_a_rejected_rollback_changes_nothing(server: Server) -> None:
    server.promote("any", "any")
    unserved = server.add(None)
    before = server.rest.versions(), server.production()
    for to, by, why in ((unserved, "ana", "why"), ("9", "ana", "why"), (None, "", "why"), (None, "ana", " ")):
        with pytest.raises(RollbackRejected):
            server.rest.roll_back(to, by, why, NOW)
    assert (server.rest.versions(), server.production()) == before


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_rollback_that_a_crash_interrupted_can_be_repeated_with_the_same_result(
    writes: int, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = server.promote("any", "any", "any")
    post, done = rest_client.RestClient.post, []

    def crash(self: rest_client.RestClient, path: str, **fields: str) -> None:
        if len(done) == writes:
            raise KeyboardInterrupt
        done.append(path)
        post(self, path, **fields)

    with monkeypatch.context() as patched:
        patched.setattr(rest_client.RestClient, "post", crash)
        with pytest.raises(KeyboardInterrupt):
            server.rest.roll_back(None, "ana", "flags everybody", NOW)
    assert server.production() == third
    note = server.rest.version(third).rolled_back_note
    assert (note is not None) == (writes > 0), "the note is written before anything changes"
    assert numbers(server.rest.roll_back(None, "ana", "flags everybody", NOW)) == (third, second)
    assert server.production() == second
    assert numbers(server.rest.roll_back(None, "ana", "further", NOW)) == (second, first)


def test_a_clock_that_was_set_back_does_not_change_which_version_served_last(server: Server) -> None:
    first, second, third = server.promote("any", "any", "any")
    earlier = NOW - timedelta(days=1)
    assert numbers(server.rest.roll_back(None, "ana", "why", earlier)) == (third, second)
    fourth = server.add()
    server.pipeline.set_production(fourth, "promote", "better", earlier)
    assert numbers(server.rest.roll_back(None, "ana", "why", earlier)) == (fourth, second)
    assert numbers(server.rest.roll_back(None, "ana", "why", earlier)) == (second, first)


def test_importing_it_loads_no_heavy_library() -> None:
    heavy = {"mlflow", "pandas", "sklearn", "numpy"}
    code = f"import sys, readmit.io.registry.rest_registry; print(*{heavy} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert loaded.split() == []


ALIAS = {"model_version": {"version": "1", "run_id": "r", "tags": []}}


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ((500, {}, b"<h1>broken</h1>"), "status 500: b'<h1>broken</h1>'"),
        ((503, {}, b'{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "later"}'), "status 503: later"),
        ((302, {"Location": "http://127.0.0.1:9/"}, b""), "status 302"),
        ((403, {}, b"Invalid Host header"), "status 403"),
        ((200, {}, b"<h1>a page</h1>"), "the response is not JSON"),
        ((200, {}, b"\xff\xfe"), "the response is not JSON"),
        ((200, {}, b"[]"), "the response is not a JSON object but a list"),
        ((200, {}, b"{}"), "the response does not describe a version of Readmit: KeyError"),
        ((200, {}, b'{"model_version": 3}'), "the response does not describe a version of Readmit: "),
        (
            (200, {}, json.dumps(ALIAS).encode()),
            "the response does not describe a version of Readmit: KeyError\\('candidate'\\)",
        ),
    ],
)
def test_an_invalid_response_makes_the_registry_unavailable_and_is_reported_with_its_address(
    response: StubResponse, reason: str, stub_server: StubServer
) -> None:
    address = stub_server(lambda _: response)
    with pytest.raises(RegistryUnavailable, match=f"^MLflow at {address}: {reason}"):
        RestRegistry(address).production()


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://127.0.0.1:port", "file:///etc", "mlflow:5000", ""])
def test_an_unavailable_server_is_named(address: str) -> None:
    with pytest.raises(RegistryUnavailable, match=f"^MLflow at {address}: "):
        RestRegistry(address).versions()


@pytest.fixture
def slow_server() -> Iterator[Callable[[bytes, bytes], str]]:
    """Start a server that sends `first`, then `then` again and again unless it is empty; return its address."""
    listening = socket.create_server(("127.0.0.1", 0))

    def start(first: bytes, then: bytes) -> str:
        def serve() -> None:
            with suppress(OSError), listening.accept()[0] as connection:
                connection.recv(65_536)
                connection.sendall(first)
                while then:
                    time.sleep(0.05)
                    connection.sendall(then)
                connection.recv(1)

        Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    with listening:
        yield start


@pytest.mark.parametrize(
    ("first", "then"),
    [(b"", b""), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", b""), (b"HTTP/1.1 200 OK\r\n\r\n{", b" ")],
    ids=["nothing", "half", "a little now and then"],
)
def test_a_response_that_does_not_end_times_out(
    first: bytes, then: bytes, slow_server: Callable[[bytes, bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest_client, "RESPONSE_TIMEOUT_SECONDS", 0.3)
    with pytest.raises(RegistryUnavailable, match="timed out"):
        RestRegistry(slow_server(first, then)).production()


def scorer_responses(body: bytes, headers: dict[str, str]) -> Callable[[str], StubResponse]:
    """The responses of a server with a scorer for every run."""
    run = b'{"run": {"info": {"artifact_uri": "mlflow-artifacts:/0/r/artifacts"}}}'
    file = "/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/scorer.json"
    return lambda path: (200, headers, body) if path == file else (200, {}, run)


VERSION = Version("1", "lightgbm", "any", 0.5, 1, "s", "c", "r", scorer=hashlib.sha256(SCORER).hexdigest())


def test_a_truncated_download_is_not_mistaken_for_a_damaged_file(stub_server: StubServer) -> None:
    assert RestRegistry(stub_server(scorer_responses(SCORER, {}))).scorer(VERSION) == SCORER
    with pytest.raises(RegistryUnavailable, match=f"the response was cut off after {len(SCORER)} bytes"):
        RestRegistry(stub_server(scorer_responses(SCORER, {"Content-Length": "99"}))).scorer(VERSION)


def test_a_download_is_limited_in_size(stub_server: StubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_client, "MAX_BYTES", 100)
    with pytest.raises(RegistryUnavailable, match="more than 100 bytes"):
        RestRegistry(stub_server(scorer_responses(b" " * 101, {}))).scorer(VERSION)


def test_a_server_that_does_not_serve_artifacts_is_named(stub_server: StubServer) -> None:
    address = stub_server(lambda _: (200, {}, b'{"run": {"info": {"artifact_uri": "s3://mlflow/0/r/artifacts"}}}'))
    with pytest.raises(
        RegistryUnavailable, match=f"MLflow at {address}: the server does not serve the files of version 1: s3://"
    ):
        RestRegistry(address).scorer(VERSION)
