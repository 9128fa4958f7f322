"""The registry without its library: on a real MLflow server, and on servers that do not answer as they should."""

import hashlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from readmit.core.errors import RegistryUnavailable, RollbackRejected, UnknownVersion, VersionUnusable
from readmit.core.version import MODEL, PRODUCTION, SCORER_FILE, SCORER_TAG, Version
from readmit.embedded.stack import Stack
from readmit.io.registry import rest_client, rest_registry
from readmit.io.registry.model_versions import Registry
from readmit.io.registry.rest_registry import RestRegistry
from tests.io.conftest import Answer

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SCORER = b'{"trees": []}'
TAGS = {"candidate": "lightgbm", "threshold": "0.125", "batch": "3", "snapshot": "abc", "code": "def"}
Serving = Callable[[Callable[[str], Answer]], str]


@dataclass(frozen=True, slots=True)
class Server:
    """A real server without versions. `rest`: how an API sees it; `promoting`: how `promote` does."""

    client: MlflowClient
    rest: RestRegistry
    promoting: Registry

    def add(self, scorer: bytes | None = SCORER, target: str = "any", told: bytes | None = None) -> str:
        """Registers a version with a compiled scorer, or without; `told`: what the tag is the hash of instead."""
        run = self.client.create_run("0")
        tags = {**TAGS, "target": target}
        if scorer is not None:
            self.client.log_text(run.info.run_id, scorer.decode(), SCORER_FILE)
            tags[SCORER_TAG] = hashlib.sha256(told or scorer).hexdigest()
        with suppress(MlflowException):
            self.client.create_registered_model(MODEL)
        made = self.client.create_model_version(MODEL, f"runs:/{run.info.run_id}/model", run.info.run_id, tags)
        return str(made.version)

    def placed(self, *targets: str) -> list[str]:
        """Registers versions and promotes each, an hour after the other."""
        numbers = [self.add(target=target) for target in targets]
        for hour, number in enumerate(numbers):
            self.promoting.name_production(number, "promote", "better", NOW - timedelta(hours=len(numbers) - hour))
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


def numbers(way: tuple[Version, Version]) -> tuple[str, str]:
    return way[0].number, way[1].number


def test_it_reads_what_the_library_reads(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (server.rest.production(), server.rest.versions()) == (None, [])
    first = server.add()
    assert server.rest.production() is None, "there is a model, and no alias"
    second, third = server.placed("any", "within_30_days")
    server.promoting.tag_figures(second, {"roc_auc": 0.7}, "promoted: better")
    assert server.rest.production() == server.promoting.production() == server.rest.version(third)
    monkeypatch.setattr(rest_registry, "PAGE", 2)
    assert server.rest.versions() == server.promoting.versions()
    assert [version.number for version in server.rest.versions()] == [first, second, third]
    for number in ("7", "x", "²"):
        with pytest.raises(UnknownVersion, match="version"):
            server.rest.version(number)


def test_a_scorer_is_handed_out_as_it_was_registered_or_not_at_all(server: Server) -> None:
    whole, none, other = server.add(), server.add(None), server.add(told=b"another one")
    assert server.rest.scorer(server.rest.version(whole)) == SCORER
    with pytest.raises(VersionUnusable, match=f"version {none} can't be served: it was made before versions carried"):
        server.rest.scorer(server.rest.version(none))
    with pytest.raises(VersionUnusable, match=f"version {other}: scorer.json has SHA-256 {'[0-9a-f]' * 8}"):
        server.rest.scorer(server.rest.version(other))


def test_a_rollback_puts_the_version_before_in_place_and_notes_who_and_why_on_both(server: Server) -> None:
    first, second, third = server.placed("any", "any", "any")
    left, goal = server.rest.roll_back(None, " ana ", "flags everybody", NOW)
    assert numbers((left, goal)) == (third, second)
    assert (left, goal) == (server.rest.version(third), server.rest.production())
    assert left.rolled_back_note == goal.promoted_note
    assert left.rolled_back_note is not None
    assert (left.rolled_back_note.by, left.rolled_back_note.why, left.rolled_back_note.at) == (
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


def test_a_rollback_that_is_refused_changes_nothing(server: Server) -> None:
    server.placed("any", "any")
    unserved = server.add(None)
    before = server.rest.versions(), server.production()
    for to, by, why in ((unserved, "ana", "why"), ("9", "ana", "why"), (None, "", "why"), (None, "ana", " ")):
        with pytest.raises(RollbackRejected):
            server.rest.roll_back(to, by, why, NOW)
    assert (server.rest.versions(), server.production()) == before


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_rollback_that_a_crash_cut_short_is_done_again_with_the_same_result(
    writes: int, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = server.placed("any", "any", "any")
    post, done = rest_client.RestClient.post, []

    def dying(self: rest_client.RestClient, path: str, **fields: str) -> None:
        if len(done) == writes:
            raise KeyboardInterrupt
        done.append(path)
        post(self, path, **fields)

    with monkeypatch.context() as patched:
        patched.setattr(rest_client.RestClient, "post", dying)
        with pytest.raises(KeyboardInterrupt):
            server.rest.roll_back(None, "ana", "flags everybody", NOW)
    assert server.production() == third
    noted = server.rest.version(third).rolled_back_note
    assert (noted is not None) == (writes > 0), "who and why stands there before anything changes"
    assert numbers(server.rest.roll_back(None, "ana", "flags everybody", NOW)) == (third, second)
    assert server.production() == second
    assert numbers(server.rest.roll_back(None, "ana", "further", NOW)) == (second, first)


def test_a_clock_that_was_put_back_does_not_change_who_served_last(server: Server) -> None:
    first, second, third = server.placed("any", "any", "any")
    earlier = NOW - timedelta(days=1)
    assert numbers(server.rest.roll_back(None, "ana", "why", earlier)) == (third, second)
    fourth = server.add()
    server.promoting.name_production(fourth, "promote", "better", earlier)
    assert numbers(server.rest.roll_back(None, "ana", "why", earlier)) == (fourth, second)
    assert numbers(server.rest.roll_back(None, "ana", "why", earlier)) == (second, first)


def test_whoever_imports_it_stays_small() -> None:
    heavy = {"mlflow", "pandas", "sklearn", "numpy"}
    code = f"import sys, readmit.io.registry.rest_registry; print(*{heavy} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert loaded.split() == []


ALIAS = {"model_version": {"version": "1", "run_id": "r", "tags": []}}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((500, {}, b"<h1>broken</h1>"), "status 500: b'<h1>broken</h1>'"),
        ((503, {}, b'{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "later"}'), "status 503: later"),
        ((302, {"Location": "http://127.0.0.1:9/"}, b""), "status 302"),
        ((403, {}, b"Invalid Host header"), "status 403"),
        ((200, {}, b"<h1>a page</h1>"), "no JSON"),
        ((200, {}, b"\xff\xfe"), "no JSON"),
        ((200, {}, b"[]"), "a list where an object is expected"),
        ((200, {}, b"{}"), "something else than a version of ours: KeyError"),
        ((200, {}, b'{"model_version": 3}'), "something else than a version of ours: "),
        ((200, {}, json.dumps(ALIAS).encode()), "something else than a version of ours: KeyError\\('candidate'\\)"),
    ],
)
def test_an_answer_that_is_none_is_a_registry_away_by_its_address(
    answer: Answer, reason: str, answering: Serving
) -> None:
    address = answering(lambda _: answer)
    with pytest.raises(RegistryUnavailable, match=f"^MLflow at {address}: {reason}"):
        RestRegistry(address).production()


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://127.0.0.1:port", "file:///etc", "mlflow:5000", ""])
def test_a_server_that_there_is_not_is_named(address: str) -> None:
    with pytest.raises(RegistryUnavailable, match=f"^MLflow at {address}: "):
        RestRegistry(address).versions()


@pytest.fixture
def dripping() -> Iterator[Callable[[bytes, bytes], str]]:
    """Starts a server that says some bytes, then others again and again, or nothing more if there are none."""
    listening = socket.create_server(("127.0.0.1", 0))

    def start(first: bytes, then: bytes) -> str:
        def serve() -> None:
            with suppress(OSError), listening.accept()[0] as asked:
                asked.recv(65_536)
                asked.sendall(first)
                while then:
                    time.sleep(0.05)
                    asked.sendall(then)
                asked.recv(1)

        Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    with listening:
        yield start


@pytest.mark.parametrize(
    ("first", "then"),
    [(b"", b""), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", b""), (b"HTTP/1.1 200 OK\r\n\r\n{", b" ")],
    ids=["nothing", "half", "a little now and then"],
)
def test_a_server_that_does_not_come_to_an_end_has_its_time(
    first: bytes, then: bytes, dripping: Callable[[bytes, bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest_client, "ANSWER_SECONDS", 0.3)
    with pytest.raises(RegistryUnavailable, match="timed out"):
        RestRegistry(dripping(first, then)).production()


def keeping(body: bytes, headers: dict[str, str]) -> Callable[[str], Answer]:
    """Answers of a server that keeps a scorer for every run."""
    run = b'{"run": {"info": {"artifact_uri": "mlflow-artifacts:/0/r/artifacts"}}}'
    file = "/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/scorer.json"
    return lambda path: (200, headers, body) if path == file else (200, {}, run)


VERSION = Version("1", "lightgbm", "any", 0.5, 1, "s", "c", "r", scorer=hashlib.sha256(SCORER).hexdigest())


def test_a_file_that_ends_too_early_is_not_taken_for_a_damaged_one(answering: Serving) -> None:
    assert RestRegistry(answering(keeping(SCORER, {}))).scorer(VERSION) == SCORER
    with pytest.raises(RegistryUnavailable, match=f"an answer that ends after {len(SCORER)} bytes"):
        RestRegistry(answering(keeping(SCORER, {"Content-Length": "99"}))).scorer(VERSION)


def test_a_file_without_an_end_is_not_read_to_its_end(answering: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_client, "MOST_BYTES", 100)
    with pytest.raises(RegistryUnavailable, match="more than 100 bytes"):
        RestRegistry(answering(keeping(b" " * 101, {}))).scorer(VERSION)


def test_a_server_that_does_not_hand_out_files_is_named(answering: Serving) -> None:
    address = answering(lambda _: (200, {}, b'{"run": {"info": {"artifact_uri": "s3://mlflow/0/r/artifacts"}}}'))
    with pytest.raises(
        RegistryUnavailable, match=f"MLflow at {address}: it does not hand out the files of version 1: s3://"
    ):
        RestRegistry(address).scorer(VERSION)
