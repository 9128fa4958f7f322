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


def test_health_has_the_source_its_size_and_the_progress_of_the_release(client: FlaskClient) -> None:
    health = client.get("/health").get_json()
    assert health["status"] == "ok"
    assert (health["source"], health["note"]) == ("file", None)
    assert (health["rows"], health["columns"], health["batch_size"], health["batches"]) == (700, 50, 300, 3)
    assert (health["released"], health["current"], health["exhausted"]) == (3, 3, True)
    assert (health["started_at"], health["interval_seconds"]) == ("1970-01-12T13:46:40Z", 0)
    assert health["seconds_to_next"] is None


def test_a_thousand_reads_change_nothing_and_the_clock_alone_releases_batches(
    serve: Serve, make_settings: MakeSettings, clock: SimpleNamespace
) -> None:
    client = serve(make_settings(SOURCE_INTERVAL_SECONDS=60))
    first = client.get("/health").get_data()
    for _ in range(500):
        client.get("/health")
        client.get("/get_data")
    assert client.get("/health").get_data() == first
    assert [row["encounter_id"] for row in client.get("/get_data").get_json()] == _encounter_ids(client, 1)
    clock.now += 61
    assert client.get("/health").get_json()["current"] == 2
    assert client.get("/health").get_json()["seconds_to_next"] == 59
    assert [row["encounter_id"] for row in client.get("/get_data").get_json()] == _encounter_ids(client, 2)
    clock.now += 10_000
    assert (client.get("/health").get_json()["current"], client.get("/health").get_json()["exhausted"]) == (3, True)


def _encounter_ids(client: FlaskClient, batch: int) -> list[int]:
    return [row["encounter_id"] for row in client.get(f"/batches/{batch}").get_json()]


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_a_batch_fetched_twice_is_byte_equal_and_its_etag_is_the_sha256_of_its_bytes(
    client: FlaskClient, media_type: str
) -> None:
    first, second = (client.get("/batches/2", headers={"Accept": media_type}) for _ in range(2))
    assert first.data == second.data
    assert first.mimetype == media_type
    assert first.headers["ETag"] == f'"{hashlib.sha256(first.data).hexdigest()}"'
    assert (first.headers["Vary"], first.headers["X-Rows"]) == ("Accept", "300")
    assert int(first.headers["Content-Length"]) == len(first.data)
    known = client.get("/batches/2", headers={"Accept": media_type, "If-None-Match": first.headers["ETag"]})
    assert (known.status_code, known.data, known.headers["ETag"]) == (304, b"", first.headers["ETag"])


def test_every_format_has_the_rows_of_the_file_in_its_order_and_spelling(
    client: FlaskClient, make_settings: MakeSettings
) -> None:
    expected = pl.read_csv(make_settings().data, infer_schema=False).slice(300, 300)
    csv, parquet = (client.get(f"/batches/2?format={fmt}").data for fmt in ("csv", "parquet"))
    assert pl.read_csv(csv, infer_schema=False).equals(expected)
    assert pl.read_parquet(BytesIO(parquet)).equals(expected)
    rows = json.loads(client.get("/batches/2").data)
    assert [{name: str(value) for name, value in row.items()} for row in rows] == expected.to_dicts()
    assert isinstance(rows[0]["patient_nbr"], int)
    assert isinstance(rows[0]["diag_1"], str)
    assert "glyburide-metformin" in rows[0]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("text/html,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        ("application/json;q=0.5, text/csv", "text/csv"),
        ("text/*", "text/csv"),
    ],
)
def test_the_accept_header_selects_the_format_and_json_is_the_default(
    client: FlaskClient, accept: str | None, media_type: str
) -> None:
    assert client.get("/batches/1", headers={"Accept": accept} if accept else {}).mimetype == media_type


def test_the_list_of_batches_has_the_etag_of_the_parquet_response(client: FlaskClient) -> None:
    batches = client.get("/batches").get_json()
    assert [(batch["number"], batch["rows"], batch["released"]) for batch in batches] == [
        (1, 300, True),
        (2, 300, True),
        (3, 100, True),
    ]
    for batch in batches:
        assert client.get(batch["links"]["parquet"]).headers["ETag"] == f'"{batch["sha256"]}"'


def test_an_unreleased_batch_is_425_with_the_seconds_to_wait_and_has_no_hash(
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
def test_an_error_is_json_with_a_message(
    client: FlaskClient, method: str, address: str, headers: dict[str, str], status: int
) -> None:
    response = client.open(address, method=method, headers=headers)
    assert response.status_code == status
    assert set(response.get_json()) == {"error"}
    assert len(response.data) < 300


def test_an_unexpected_error_is_a_500_without_a_stack_trace(client: FlaskClient, make_settings: MakeSettings) -> None:
    for path in (make_settings().state / "prepared").iterdir():
        path.unlink()
    response = client.get("/batches/1")
    assert response.status_code == 500
    assert set(response.get_json()) == {"error"}
    assert b"Traceback" not in response.data


def test_a_local_file_is_served_with_its_own_columns(serve: Serve, make_settings: MakeSettings, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("encounter_id,ward,time_in_hospital\n1,A,3\n2,B,many\n")
    client = serve(make_settings(DATA=path))
    assert client.get("/batches/1").get_json() == [
        {"encounter_id": 1, "ward": "A", "time_in_hospital": 3},
        {"encounter_id": 2, "ward": "B", "time_in_hospital": "many"},
    ]
    assert client.get("/health").get_json()["columns"] == 3


def test_metrics_count_requests_by_route_and_status_under_their_own_prefix(client: FlaskClient) -> None:
    for address in ("/batches/1", "/batches/2", "/batches/9", "/invented", "/else"):
        client.get(address)
    text = client.get("/metrics").get_data(as_text=True)
    assert 'readmit_source_requests_total{route="/batches/<number>",status="200"} 2.0' in text
    assert 'readmit_source_requests_total{route="unknown",status="404"} 2.0' in text
    assert "readmit_source_rows 700.0" in text
    names = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(name.startswith("readmit_source_") for name in names)


def test_the_page_names_the_origin_and_links_the_released_batches(serve: Serve, make_settings: MakeSettings) -> None:
    page = serve(make_settings(SOURCE_INTERVAL_SECONDS=60)).get("/").get_data(as_text=True)
    assert "Strack" in page
    assert "CC BY 4.0" in page
    assert 'href="/batches/1?format=csv"' in page
    assert "/batches/2?format" not in page
    assert "src=" not in page
    assert "@import" not in page
