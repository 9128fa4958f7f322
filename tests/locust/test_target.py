from pathlib import Path

import pytest

import target
from errors import LoadRefused


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
    assert target.source_url({"READMIT_EC2_API_PORT": "5002"}) == "http://127.0.0.1:5002"
    assert target.source_url({"READMIT_SOURCE_URL": "http://ec2-api:5001/"}) == "http://ec2-api:5001"


def test_a_configured_key_is_sent_with_every_request(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("secret\n")
    assert target.auth_headers({}) == {}
    assert target.auth_headers({"READMIT_API_KEY": "secret"}) == {"X-API-Key": "secret"}
    assert target.auth_headers({"READMIT_API_KEY_FILE": str(file)}) == {"X-API-Key": "secret"}
    with pytest.raises(LoadRefused, match="both set"):
        target.auth_headers({"READMIT_API_KEY": "secret", "READMIT_API_KEY_FILE": str(file)})
