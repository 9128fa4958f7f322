"""Rows are served only to requests with the token, where one is set."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from ec2_api.errors import StartupError
from ec2_api.settings import SourceSettings, load

TOKEN = "d0c5-a-token"
PROTECTED = ("/batches", "/batches/1", "/batches/99", "/batches/1?format=csv", "/get_data")
OPEN = ("/", "/health", "/metrics")

Serve = Callable[[SourceSettings], FlaskClient]
MakeSettings = Callable[..., SourceSettings]


@pytest.fixture
def client(serve: Serve, make_settings: MakeSettings) -> FlaskClient:
    return serve(make_settings(SOURCE_TOKEN=TOKEN))


@pytest.mark.parametrize("path", PROTECTED)
def test_without_the_token_no_row_is_served(path: str, client: FlaskClient) -> None:
    wrong = ("Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer \xe9")
    for headers in ({}, *({"Authorization": authorization} for authorization in ("", *wrong))):
        for method in ("GET", "HEAD"):
            response = client.open(path, method=method, headers=headers)
            assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
            assert "ETag" not in response.headers
        assert "READMIT_SOURCE_TOKEN" in client.get(path, headers=headers).get_json()["error"]


@pytest.mark.parametrize("path", ["/batches", "/batches/1", "/get_data"])
def test_with_the_token_batches_are_served(path: str, client: FlaskClient) -> None:
    assert client.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


@pytest.mark.parametrize("path", OPEN)
def test_routes_without_rows_need_no_token(path: str, client: FlaskClient) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", [*OPEN, "/batches", "/batches/1", "/get_data"])
def test_where_no_token_is_set_none_is_required(path: str, serve: Serve, make_settings: MakeSettings) -> None:
    assert serve(make_settings()).get(path).status_code == 200


def test_the_page_explains_the_token_in_place_of_links_that_would_be_refused(
    client: FlaskClient, serve: Serve, make_settings: MakeSettings
) -> None:
    with_token, without = (page.get("/").get_data(as_text=True) for page in (client, serve(make_settings())))
    assert "Authorization: Bearer $READMIT_SOURCE_TOKEN" in with_token
    assert "format=parquet" not in with_token
    assert TOKEN not in with_token
    assert 'href="/batches/1?format=parquet"' in without
    assert "READMIT_SOURCE_TOKEN" not in without


def test_the_token_can_be_read_from_a_file_and_an_empty_one_counts_as_not_set(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert load({"READMIT_SOURCE_TOKEN_FILE": str(file)}).token == TOKEN
    file.write_text("\n")
    assert load({"READMIT_SOURCE_TOKEN_FILE": str(file), "READMIT_SOURCE_TOKEN": ""}).token is None
    assert load({"READMIT_SOURCE_TOKEN_FILE": "/dev/null"}).token is None


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"READMIT_SOURCE_TOKEN": "a", "READMIT_SOURCE_TOKEN_FILE": "/dev/null"}, "READMIT_SOURCE_TOKEN_FILE are both"),
        ({"READMIT_SOURCE_TOKEN_FILE": "/no/such/file"}, "READMIT_SOURCE_TOKEN_FILE: .*No such file"),
        ({"READMIT_SOURCE_TOKEN": "contrase\xf1a"}, "READMIT_SOURCE_TOKEN: not printable ASCII"),
        ({"READMIT_SOURCE_TLS_KEY": "key.pem"}, "READMIT_SOURCE_TLS_CERTIFICATE and READMIT_SOURCE_TLS_KEY"),
        ({"READMIT_SOURCE_TLS_CERTIFICATE": "a.pem"}, "READMIT_SOURCE_TLS_CERTIFICATE and READMIT_SOURCE_TLS_KEY"),
    ],
)
def test_an_invalid_setting_is_rejected_with_its_name(environ: dict[str, str], message: str) -> None:
    with pytest.raises(StartupError, match=message):
        load(environ)


def test_the_token_is_not_printed(make_settings: MakeSettings) -> None:
    assert TOKEN not in repr(make_settings(SOURCE_TOKEN=TOKEN))
