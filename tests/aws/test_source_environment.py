"""On the instance: the environment of the data API from Parameter Store."""

import os
from pathlib import Path

import pytest

from aws import source_environment
from aws.clients import AwsClients

PARAMETERS = "/readmit/readmit"
OWNER = os.getuid()


@pytest.fixture
def folder(clients: AwsClients, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("READMIT_PARAMETERS", PARAMETERS)
    put(clients, image="registry.example/readmit-ec2-api:0.1.0", source_token="secret-token")
    return tmp_path / "run"


def put(clients: AwsClients, **values: str) -> None:
    for name, value in values.items():
        clients.ssm.put_parameter(Name=f"{PARAMETERS}/{name}", Value=value, Type="SecureString", Overwrite=True)


def variables(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def test_it_writes_image_and_token_into_files_that_only_root_can_read(folder: Path) -> None:
    assert source_environment.main(folder, OWNER) == 0
    assert variables(folder / "image.env") == {"IMAGE": "registry.example/readmit-ec2-api:0.1.0"}
    assert variables(folder / "ec2-api.env") == {
        "READMIT_SOURCE_HOST": "0.0.0.0",
        "READMIT_SOURCE_STATE": "/var/lib/readmit",
        "READMIT_SOURCE_TOKEN": "secret-token",
    }
    assert [file.stat().st_mode & 0o777 for file in folder.glob("*.env")] == [0o400, 0o400]


def test_with_a_certificate_the_data_api_serves_https(clients: AwsClients, folder: Path) -> None:
    put(clients, tls_certificate="-----BEGIN CERTIFICATE-----", tls_key="-----BEGIN PRIVATE KEY-----")
    assert source_environment.main(folder, OWNER) == 0
    written = variables(folder / "ec2-api.env")
    for setting, name in (("CERTIFICATE", "tls_certificate"), ("KEY", "tls_key")):
        assert written[f"READMIT_SOURCE_TLS_{setting}"] == f"/run/secrets/{name}"
        assert (folder / "tls" / name).stat().st_mode & 0o777 == 0o400
        assert (folder / "tls" / name).stat().st_uid == OWNER


def test_a_second_start_takes_the_new_values(clients: AwsClients, folder: Path) -> None:
    assert source_environment.main(folder, OWNER) == 0
    put(clients, source_token="rotated")
    assert source_environment.main(folder, OWNER) == 0
    assert variables(folder / "ec2-api.env")["READMIT_SOURCE_TOKEN"] == "rotated"


def test_a_missing_parameter_is_named(clients: AwsClients, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clients.ssm.delete_parameter(Name=f"{PARAMETERS}/source_token")
    assert source_environment.main(folder, OWNER) == 1
    assert capsys.readouterr().err == f"missing in Parameter Store: {PARAMETERS}/source_token: run just aws::up\n"
