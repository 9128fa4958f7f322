import csv
import io
import json
from collections.abc import Callable, Mapping

import pytest
from flask.testing import FlaskClient

import payloads
from ec2_api.settings import SourceSettings
from errors import LoadRefused
from readmit.core.applicability import is_applicable
from readmit.core.encounter import BY_NAME, CANNOT_RETURN, FEATURES
from readmit.core.request import RecordRejected, cell_text, parse
from tests.ec2_api.conftest import clock, make_settings, serve, small_csv

__all__ = ["clock", "make_settings", "serve", "small_csv"]
REQUIRED = {name for name in FEATURES if BY_NAME[name].required}
ROW: Mapping[str, object] = json.loads(payloads.by_chance(1).singles[0])


def test_made_encounters_are_taken_and_say_all_that_is_required_and_sometimes_no_more() -> None:
    made = [json.loads(body) for body in payloads.by_chance(500).singles]
    assert all(parse(row) for row in made)
    assert all(row.keys() >= REQUIRED for row in made)
    for name in set(FEATURES) - REQUIRED:
        said = {row.get(name, "absent") for row in made}
        assert said > {"absent", None, "?"}, name


def test_the_same_seed_makes_the_same_encounters() -> None:
    assert payloads.by_chance(20, seed=1) == payloads.by_chance(20, seed=1) != payloads.by_chance(20, seed=2)


def test_a_batch_as_csv_holds_the_same_encounters_as_one_as_json() -> None:
    made = payloads.by_chance(50)
    told = list(csv.DictReader(io.StringIO(payloads.as_csv(made.rows))))
    assert [parse(row, cell_text) for row in told] == [parse(row) for row in made.rows]


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
def test_a_row_that_the_api_would_refuse_is_no_encounter(wrong: dict[str, object]) -> None:
    assert payloads.is_encounter(ROW)
    with pytest.raises(RecordRejected):
        parse({**ROW, **wrong})
    assert not payloads.is_encounter({**ROW, **wrong})


@pytest.mark.parametrize("disposition", CANNOT_RETURN)
def test_a_stay_that_ended_in_death_or_hospice_is_not_posted(disposition: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = {**ROW, "discharge_disposition_id": int(disposition)}
    monkeypatch.setattr(payloads, "_first_batch", lambda _: [ROW, ended])
    assert payloads.of_source("http://127.0.0.1:5001").rows == [ROW]
    made = [json.loads(body) for body in payloads.by_chance(500).singles]
    assert int(disposition) not in {row.get("discharge_disposition_id") for row in made}


def test_the_sources_rows_are_posted_as_they_are(
    serve: Callable[[SourceSettings], FlaskClient],
    make_settings: Callable[..., SourceSettings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = serve(make_settings()).get("/batches/1").get_json()
    monkeypatch.setattr(payloads, "_first_batch", lambda _: whole)
    found = payloads.of_source("http://127.0.0.1:5001")
    ended = [row for row in whole if not is_applicable(row)]
    assert len(found.rows) == len(whole) - len(ended)
    assert all(row in whole and parse(row) for row in map(json.loads, found.singles))
    left_out = f" ({len(ended)} of its first batch get no prediction)"
    assert found.words == f"{300 - len(ended)} rows of the source at http://127.0.0.1:5001{left_out}"


def test_rows_that_are_no_encounters_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payloads, "_first_batch", lambda _: [ROW, {**ROW, "age": "old"}])
    found = payloads.of_source("http://127.0.0.1:5001")
    assert found.rows == [ROW]
    assert found.words.endswith("(1 of its first batch get no prediction)")


def test_a_source_that_does_not_answer_is_no_reason_to_make_rows_up() -> None:
    with pytest.raises(LoadRefused, match="the source at http://127.0.0.1:1 gives no rows .*; --made takes encounters"):
        payloads.of_source("http://127.0.0.1:1")
