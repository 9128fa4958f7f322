import csv
import io
import json
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from flask.testing import FlaskClient

import payloads
from ec2_api.settings import SourceSettings
from errors import LoadRefused
from readmit.core.applicability import is_applicable
from readmit.core.encounter import BY_NAME, EXCLUDED_DISPOSITIONS, FEATURES
from readmit.core.request import RecordRejected, cell_text, parse
from readmit.stacks.certificates import make_certificate
from target import RowSource
from tests.ec2_api.conftest import clock, make_settings, serve, small_csv
from tests.ec2_api.source_process import running

__all__ = ["clock", "make_settings", "serve", "small_csv"]
REQUIRED = {name for name in FEATURES if BY_NAME[name].required}
ROW: Mapping[str, object] = json.loads(payloads.synthetic_payloads(1).singles[0])


def test_synthetic_encounters_are_valid_with_all_required_fields_and_some_optional_ones() -> None:
    rows = [json.loads(body) for body in payloads.synthetic_payloads(500).singles]
    assert all(parse(row) for row in rows)
    assert all(row.keys() >= REQUIRED for row in rows)
    for name in set(FEATURES) - REQUIRED:
        values = {row.get(name, "absent") for row in rows}
        assert values > {"absent", None, "?"}, name


def test_the_same_seed_gives_the_same_encounters() -> None:
    assert (
        payloads.synthetic_payloads(20, seed=1)
        == payloads.synthetic_payloads(20, seed=1)
        != payloads.synthetic_payloads(20, seed=2)
    )


def test_a_batch_as_csv_has_the_same_encounters_as_json() -> None:
    synthetic = payloads.synthetic_payloads(50)
    csv_rows = list(csv.DictReader(io.StringIO(payloads.as_csv(synthetic.rows))))
    assert [parse(row, cell_text) for row in csv_rows] == [parse(row) for row in synthetic.rows]


@pytest.mark.parametrize(
    "wrong",
    [
        {"age": None},
        {"age": "[70-75)"},
        {"time_in_hospital": "3"},
        {"time_in_hospital": 15},
        {"encounter_id": 0},
        {"gender": 1},
        {"shoe_size": 43},
    ],
)
def test_a_row_that_the_api_rejects_is_not_an_encounter(wrong: dict[str, object]) -> None:
    assert payloads.is_encounter(ROW)
    with pytest.raises(RecordRejected):
        parse({**ROW, **wrong})
    assert not payloads.is_encounter({**ROW, **wrong})


@pytest.mark.parametrize("disposition", EXCLUDED_DISPOSITIONS)
def test_a_stay_that_ended_in_death_or_hospice_is_not_posted(disposition: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = {**ROW, "discharge_disposition_id": int(disposition)}
    monkeypatch.setattr(payloads, "_first_batch", lambda _: [ROW, ended])
    assert payloads.source_payloads(RowSource("http://127.0.0.1:5001")).rows == [ROW]
    made = [json.loads(body) for body in payloads.synthetic_payloads(500).singles]
    assert int(disposition) not in {row.get("discharge_disposition_id") for row in made}


def test_rows_of_the_source_are_posted_unchanged(
    serve: Callable[[SourceSettings], FlaskClient],
    make_settings: Callable[..., SourceSettings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = serve(make_settings()).get("/batches/1").get_json()
    monkeypatch.setattr(payloads, "_first_batch", lambda _: batch)
    result = payloads.source_payloads(RowSource("http://127.0.0.1:5001"))
    ended = [row for row in batch if not is_applicable(row)]
    assert len(result.rows) == len(batch) - len(ended)
    assert all(row in batch and parse(row) for row in map(json.loads, result.singles))
    note = f" ({len(ended)} of its first batch get no prediction)"
    assert result.description == f"{300 - len(ended)} rows of the source at http://127.0.0.1:5001{note}"


def test_invalid_rows_are_excluded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payloads, "_first_batch", lambda _: [ROW, {**ROW, "age": "old"}])
    result = payloads.source_payloads(RowSource("http://127.0.0.1:5001"))
    assert result.rows == [ROW]
    assert result.description.endswith("(1 of its first batch get no prediction)")


def test_an_unavailable_source_is_an_error_and_not_replaced_by_synthetic_rows() -> None:
    with pytest.raises(
        LoadRefused, match="the source at http://127.0.0.1:1 returned no rows .*; use --made for synthetic encounters"
    ):
        payloads.source_payloads(RowSource("http://127.0.0.1:1"))


def test_an_instance_whose_address_changes_is_replaced_by_synthetic_rows() -> None:
    assert payloads.of_source(None).description.startswith("2,000 synthetic encounters")


def test_the_token_is_sent_to_the_source_and_a_wrong_one_is_reported_with_the_setting(
    small_csv: Path, tmp_path: Path
) -> None:
    changes = {"DATA": str(small_csv), "SOURCE_STATE": str(tmp_path / "state"), "SOURCE_TOKEN": "hush"}
    certificate, key = make_certificate(("localhost",))
    for name, text in (("certificate.pem", certificate), ("key.pem", key)):
        (tmp_path / name).write_text(text)
    tls = {"SOURCE_TLS_CERTIFICATE": str(tmp_path / "certificate.pem"), "SOURCE_TLS_KEY": str(tmp_path / "key.pem")}
    with running(tmp_path / "log", **changes, **tls) as (_, client):
        url, ca_file = f"https://localhost:{client.base_url.port}", tmp_path / "certificate.pem"
        assert len(payloads.source_payloads(RowSource(url, "hush", ca_file)).rows) > 500
        with pytest.raises(
            LoadRefused, match="set READMIT_SOURCE_TOKEN, which only the stack's own data API gets, or use"
        ):
            payloads.source_payloads(RowSource(url, "wrong", ca_file))
        with pytest.raises(LoadRefused, match="CERTIFICATE_VERIFY_FAILED"):
            payloads.source_payloads(RowSource(url, "hush"))


def test_a_redirect_is_not_followed_and_takes_the_token_nowhere() -> None:
    requests: list[str | None] = []

    class Redirect(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.headers["Authorization"])
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_address[1]}/elsewhere")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Redirect) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(LoadRefused, match="returned no rows .*302"):
            payloads.source_payloads(RowSource(f"http://127.0.0.1:{server.server_port}", "hush"))
        server.shutdown()
    assert requests == ["Bearer hush"]
