import hashlib
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from flask.testing import FlaskClient

from ec2_api.settings import SourceSettings

Serve = Callable[[SourceSettings], FlaskClient]
MakeSettings = Callable[..., SourceSettings]
MEDIA_TYPES = ("application/json", "text/csv", "application/vnd.apache.parquet")


@pytest.fixture
def client(serve: Serve, make_settings: MakeSettings) -> FlaskClient:
    """Three batches, all released."""
    return serve(make_settings())


def test_health_names_the_source_its_size_and_where_the_release_stands(client: FlaskClient) -> None:
    health = client.get("/health").get_json()
    assert health["status"] == "ok"
    assert (health["source"], health["note"]) == ("file", None)
    assert (health["rows"], health["columns"], health["batch_size"], health["batches"]) == (700, 50, 300, 3)
    assert (health["released"], health["current"], health["exhausted"]) == (3, 3, True)
    assert (health["started_at"], health["interval_seconds"]) == ("1970-01-12T13:46:40Z", 0)
    assert health["seconds_to_next"] is None


def test_a_thousand_readings_move_nothing_and_the_clock_alone_does(
    serve: Serve, make_settings: MakeSettings, clock: SimpleNamespace
) -> None:
    client = serve(make_settings(SOURCE_INTERVAL_SECONDS=60))
    first = client.get("/health").get_data()
    for _ in range(500):
        client.get("/health")
        client.get("/get_data")
    assert client.get("/health").get_data() == first
    assert [row["encounter_id"] for row in client.get("/get_data").get_json()] == _numbers(client, 1)
    clock.now += 61
    assert client.get("/health").get_json()["current"] == 2
    assert client.get("/health").get_json()["seconds_to_next"] == 59
    assert [row["encounter_id"] for row in client.get("/get_data").get_json()] == _numbers(client, 2)
    clock.now += 10_000
    assert (client.get("/health").get_json()["current"], client.get("/health").get_json()["exhausted"]) == (3, True)


def _numbers(client: FlaskClient, batch: int) -> list[int]:
    return [row["encounter_id"] for row in client.get(f"/batches/{batch}").get_json()]


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_a_batch_fetched_twice_is_byte_equal_and_its_etag_is_the_sha256_of_its_bytes(
    client: FlaskClient, media_type: str
) -> None:
    one, two = (client.get("/batches/2", headers={"Accept": media_type}) for _ in range(2))
    assert one.data == two.data
    assert one.mimetype == media_type
    assert one.headers["ETag"] == f'"{hashlib.sha256(one.data).hexdigest()}"'
    assert (one.headers["Vary"], one.headers["X-Rows"]) == ("Accept", "300")
    assert int(one.headers["Content-Length"]) == len(one.data)
    known = client.get("/batches/2", headers={"Accept": media_type, "If-None-Match": one.headers["ETag"]})
    assert (known.status_code, known.data, known.headers["ETag"]) == (304, b"", one.headers["ETag"])


def test_the_representations_hold_the_files_rows_in_its_order_and_spelling(
    client: FlaskClient, make_settings: MakeSettings
) -> None:
    wanted = pl.read_csv(make_settings().data, infer_schema=False).slice(300, 300)
    csv, parquet = (client.get(f"/batches/2?format={form}").data for form in ("csv", "parquet"))
    assert pl.read_csv(csv, infer_schema=False).equals(wanted)
    assert pl.read_parquet(BytesIO(parquet)).equals(wanted)
    rows = json.loads(client.get("/batches/2").data)
    assert [{name: str(value) for name, value in row.items()} for row in rows] == wanted.to_dicts()
    assert isinstance(rows[0]["patient_nbr"], int)
    assert isinstance(rows[0]["diag_1"], str)
    assert "glyburide-metformin" in rows[0]


@pytest.mark.parametrize(
    ("accept", "answer"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("text/html,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        ("application/json;q=0.5, text/csv", "text/csv"),
        ("text/*", "text/csv"),
    ],
)
def test_the_accept_header_chooses_and_json_is_the_default(
    client: FlaskClient, accept: str | None, answer: str
) -> None:
    assert client.get("/batches/1", headers={"Accept": accept} if accept else {}).mimetype == answer


def test_the_list_of_batches_declares_what_a_fetch_of_parquet_brings(client: FlaskClient) -> None:
    batches = client.get("/batches").get_json()
    assert [(batch["number"], batch["rows"], batch["released"]) for batch in batches] == [
        (1, 300, True),
        (2, 300, True),
        (3, 100, True),
    ]
    for batch in batches:
        assert client.get(batch["links"]["parquet"]).headers["ETag"] == f'"{batch["sha256"]}"'


def test_a_batch_that_is_not_out_yet_is_425_with_the_seconds_to_wait_and_declares_nothing(
    serve: Serve, make_settings: MakeSettings
) -> None:
    client = serve(make_settings(SOURCE_INTERVAL_SECONDS=60))
    early = client.get("/batches/3")
    assert (early.status_code, early.headers["Retry-After"]) == (425, "120")
    assert "error" in early.get_json()
    assert [batch["sha256"] is None for batch in client.get("/batches").get_json()] == [False, True, True]


@pytest.mark.parametrize(
    ("method", "address", "headers", "status"),
    [
        ("GET", "/batches/4", {}, 404),
        ("GET", "/batches/0", {}, 404),
        ("GET", "/batches/-1", {}, 404),
        ("GET", "/batches/two", {}, 404),
        ("GET", "/batches/" + "9" * 5_000, {}, 404),
        ("GET", "/batches/1/2", {}, 404),
        ("GET", "/batches/1?format=xml", {}, 400),
        ("GET", "/batches/1", {"Accept": "image/png"}, 406),
        ("POST", "/batches/1", {}, 405),
    ],
)
def test_an_error_is_json_that_says_what_is_wrong(
    client: FlaskClient, method: str, address: str, headers: dict[str, str], status: int
) -> None:
    answer = client.open(address, method=method, headers=headers)
    assert answer.status_code == status
    assert set(answer.get_json()) == {"error"}
    assert len(answer.data) < 300


def test_an_unforeseen_error_is_a_500_without_a_stack_trace(client: FlaskClient, make_settings: MakeSettings) -> None:
    for path in (make_settings().state / "prepared").iterdir():
        path.unlink()
    answer = client.get("/batches/1")
    assert answer.status_code == 500
    assert set(answer.get_json()) == {"error"}
    assert b"Traceback" not in answer.data


def test_a_file_of_ones_own_is_handed_on_with_the_columns_it_has(
    serve: Serve, make_settings: MakeSettings, tmp_path: Path
) -> None:
    path = tmp_path / "own.csv"
    path.write_text("encounter_id,ward,time_in_hospital\n1,A,3\n2,B,many\n")
    client = serve(make_settings(DATA=path))
    assert client.get("/batches/1").get_json() == [
        {"encounter_id": 1, "ward": "A", "time_in_hospital": 3},
        {"encounter_id": 2, "ward": "B", "time_in_hospital": "many"},
    ]
    assert client.get("/health").get_json()["columns"] == 3


def test_metrics_count_requests_by_route_and_status_under_names_of_their_own(client: FlaskClient) -> None:
    for address in ("/batches/1", "/batches/2", "/batches/9", "/invented", "/else"):
        client.get(address)
    text = client.get("/metrics").get_data(as_text=True)
    assert 'readmit_source_requests_total{route="/batches/<number>",status="200"} 2.0' in text
    assert 'readmit_source_requests_total{route="unknown",status="404"} 2.0' in text
    assert "readmit_source_rows 700.0" in text
    names = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(name.startswith("readmit_source_") for name in names)


def test_the_page_for_people_names_the_origin_and_links_what_is_released(
    serve: Serve, make_settings: MakeSettings
) -> None:
    page = serve(make_settings(SOURCE_INTERVAL_SECONDS=60)).get("/").get_data(as_text=True)
    assert "Strack" in page
    assert "CC BY 4.0" in page
    assert 'href="/batches/1?format=csv"' in page
    assert "/batches/2?format" not in page
    assert "src=" not in page
    assert "@import" not in page
