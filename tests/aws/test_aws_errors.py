"""Errors of AWS, and of the way to it, as sentences."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from aws.__main__ import main
from aws.errors import explain
from tests.aws.account import UP
from tests.aws.moto_server import MotoServer

# What moto's CloudFormation lacks is checked as a document, in test_template.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS")


SSO = """[profile sso]
sso_session = mine
sso_account_id = 123456789012
sso_role_name = reader
region = us-east-1

[sso-session mine]
sso_region = us-east-1
sso_start_url = https://example.org/start
"""
"""A configuration with a login that has expired, or was never made."""


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "no usable AWS credentials"),
        ({"AWS_PROFILE": "sso", "AWS_CONFIG_FILE": "sso.ini"}, "no usable AWS credentials (Error loading SSO Token"),
        ({"AWS_PROFILE": "missing"}, "no usable AWS credentials (The config profile (missing) could not be found)"),
        ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, "AWS can't be reached: "),
    ],
    ids=["none", "sso", "profile", "offline"],
)
def test_without_credentials_or_network_one_sentence_explains_it(
    moto: MotoServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    variables: Mapping[str, str],
    message: str,
) -> None:
    for name in moto.environment:
        monkeypatch.delenv(name)
    Path("sso.ini").write_text(SSO)
    files = {"AWS_CONFIG_FILE": str(tmp_path / "none"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}
    offline = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    for name, value in {**files, **offline, **variables}.items():
        monkeypatch.setenv(name, value)
    assert main(UP) == 1
    output = capsys.readouterr()
    assert message in output.err
    assert len(output.err.splitlines()) == 1
    assert output.out == ""


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ExpiredToken", "AWS rejects these credentials (ExpiredToken): run aws configure or aws sso login"),
        ("AccessDenied", "these credentials are not allowed to do this (GetCallerIdentity): "),
        ("InternalFailure", "AWS refused GetCallerIdentity (InternalFailure): "),
    ],
)
def test_an_error_of_aws_is_one_sentence(code: str, message: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "why"}}, "GetCallerIdentity")
    assert explain(error).startswith(message)
