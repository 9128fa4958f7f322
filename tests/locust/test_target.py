from pathlib import Path

import pytest

import target
from errors import LoadRefused
from target import RowSource


@pytest.mark.parametrize("address", ["http://127.0.0.1:8000", "http://localhost:8000/", "http://api:8000"])
def test_this_machine_and_the_compose_service_are_allowed(address: str) -> None:
    assert target.api_url(address, {}) == address.rstrip("/")


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org",
        "https://127.0.0.1:8000",
        "http://127.0.0.1@example.org",
        "http://api.example.org",
        "http://10.0.0.1:8000",
        "127.0.0.1:8000",
    ],
)
def test_load_on_another_host_is_refused(address: str) -> None:
    with pytest.raises(LoadRefused, match="is not allowed: load tests require http://"):
        target.api_url(address, {})


def test_the_default_target_is_the_running_stack() -> None:
    assert target.api_url(None, {}) == "http://127.0.0.1:8000"
    assert target.api_url(None, {"READMIT_API_PORT": "8001"}) == "http://127.0.0.1:8001"
    assert target.row_source(environ={"READMIT_EC2_API_PORT": "5002"}) == RowSource("http://127.0.0.1:5002")
    assert target.row_source(environ={"READMIT_SOURCE_URL": "http://ec2-api:5001/"}) == RowSource("http://ec2-api:5001")


def test_the_source_has_a_token_and_a_ca_certificate_if_they_are_set(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("hush\n")
    environ = {"READMIT_SOURCE_TOKEN_FILE": str(file), "READMIT_SOURCE_CA": "ca.pem"}
    source = target.row_source("https://ec2-api:5001", environ)
    assert source == RowSource("https://ec2-api:5001", "hush", Path("ca.pem"))
    assert "hush" not in repr(source)
    file.write_text("\n")
    assert target.row_source(environ=environ) == RowSource("http://127.0.0.1:5001", None, Path("ca.pem"))


@pytest.mark.parametrize(
    ("url", "settings", "expected"),
    [
        (None, {}, "hush"),
        ("http://127.0.0.1:5001/", {}, "hush"),
        ("http://127.0.0.1:5002", {}, None),
        ("https://other:5001", {}, None),
        ("https://other:5001", {"READMIT_SOURCE_CA": "ca.pem"}, "hush"),
        ("http://other:5001", {"READMIT_SOURCE_CA": "ca.pem"}, None),
        ("http://ec2-api:5001", {"READMIT_SOURCE_URL": "http://ec2-api:5001/"}, "hush"),
        ("http://127.0.0.1:5001", {"READMIT_EC2_TAG": "Name=readmit"}, None),
    ],
)
def test_the_token_is_only_for_the_data_api_of_the_stack(
    url: str | None, settings: dict[str, str], expected: str | None
) -> None:
    source = target.row_source(url, {"READMIT_SOURCE_TOKEN": "hush", **settings})
    assert source is not None
    assert source.token == expected


@pytest.mark.parametrize("name", ["READMIT_EC2_INSTANCE_ID", "READMIT_EC2_TAG"])
def test_an_instance_is_no_source_of_rows_unless_its_address_is_given(name: str) -> None:
    environ = {name: "Name=readmit", "READMIT_SOURCE_URL": ""}
    assert target.row_source(environ=environ) is None
    assert target.row_source("http://127.0.0.1:5001", environ) == RowSource("http://127.0.0.1:5001")


def test_a_configured_key_is_sent_with_every_request(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("secret\n")
    assert target.auth_headers({}) == {}
    assert target.auth_headers({"READMIT_API_KEY": "secret"}) == {"X-API-Key": "secret"}
    assert target.auth_headers({"READMIT_API_KEY_FILE": str(file)}) == {"X-API-Key": "secret"}
    with pytest.raises(LoadRefused, match="both set"):
        target.auth_headers({"READMIT_API_KEY": "secret", "READMIT_API_KEY_FILE": str(file)})


def test_every_setting_can_be_read_from_a_file(tmp_path: Path) -> None:
    values = {
        "READMIT_API_PORT": "8001",
        "READMIT_EC2_API_PORT": "5002",
        "READMIT_SOURCE_URL": "https://ec2-api:5001",
        "READMIT_SOURCE_CA": "ca.pem",
    }
    files = {}
    for name, value in values.items():
        (tmp_path / name).write_text(f"\ufeff{value}\r\n")
        files[f"{name}_FILE"] = str(tmp_path / name)
    assert target.api_url(None, files) == target.api_url(None, values) == "http://127.0.0.1:8001"
    assert target.row_source(environ=files) == target.row_source(environ=values)
    del files["READMIT_SOURCE_URL_FILE"]
    assert target.row_source(environ=files) == RowSource("http://127.0.0.1:5002", None, Path("ca.pem"))


@pytest.mark.parametrize("content", [b"contrase\xf1a", None])
def test_a_file_that_cannot_be_read_is_refused_by_the_name_of_its_variable(
    content: bytes | None, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(LoadRefused, match=f"^READMIT_API_KEY_FILE: {file}"):
        target.auth_headers({"READMIT_API_KEY_FILE": str(file)})
