from pathlib import Path

import pytest

import target
from errors import LoadRefused


@pytest.mark.parametrize("address", ["http://127.0.0.1:8000", "http://localhost:8000/", "http://api:8000"])
def test_this_machine_and_the_service_of_compose_are_taken(address: str) -> None:
    assert target.api(address, {}) == address.rstrip("/")


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
def test_load_on_anybody_else_is_refused(address: str) -> None:
    with pytest.raises(LoadRefused, match="load is made on one's own API alone"):
        target.api(address, {})


def test_without_a_name_it_is_the_stack_that_is_up() -> None:
    assert target.api(None, {}) == "http://127.0.0.1:8000"
    assert target.api(None, {"READMIT_API_PORT": "8001"}) == "http://127.0.0.1:8001"
    assert target.source({"READMIT_EC2_API_PORT": "5002"}) == "http://127.0.0.1:5002"
    assert target.source({"READMIT_SOURCE_URL": "http://ec2-api:5001/"}) == "http://ec2-api:5001"


def test_a_key_that_is_set_goes_with_every_request(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("secret\n")
    assert target.headers({}) == {}
    assert target.headers({"READMIT_API_KEY": "secret"}) == {"X-API-Key": "secret"}
    assert target.headers({"READMIT_API_KEY_FILE": str(file)}) == {"X-API-Key": "secret"}
    with pytest.raises(LoadRefused, match="both set"):
        target.headers({"READMIT_API_KEY": "secret", "READMIT_API_KEY_FILE": str(file)})
