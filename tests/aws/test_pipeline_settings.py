"""The settings of the pipeline that `aws::up` prints: a valid .env, with which the pipeline finds the instance."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from dotenv import dotenv_values

from aws.__main__ import main
from aws.clients import AwsClients
from readmit.settings import Settings
from tests.aws.account import TOKEN, UP, certificate_options
from tests.aws.test_handler import run_instance

# What moto's CloudFormation lacks is checked as a document, in test_template.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS")
JUST = str(shutil.which("just"))
OPEN = ("--allow", "203.0.113.7/32")


def printed(capsys: pytest.CaptureFixture[str], arguments: Sequence[str]) -> tuple[dict[str, str | None], str]:
    """Run a recipe and return its settings as programs read them, and its comments."""
    capsys.readouterr()
    assert main(arguments) == 0
    lines = capsys.readouterr().out.partition("\n\n")[2]
    Path(".env").write_text(lines)
    values = dotenv_values(".env")
    assert None not in values.values(), lines
    # just reads it, too, and by another grammar.
    Path("justfile").write_text("set dotenv-load\nshow:\n    @env -0\n")
    seen = subprocess.run([JUST, "show"], capture_output=True, text=True, check=True).stdout.split("\0")
    assert {f"{name}={value}" for name, value in values.items()} <= set(seen)
    return values, " ".join(line.removeprefix("# ") for line in lines.splitlines() if line.startswith("# "))


def test_with_an_open_port_they_are_all_but_the_key_of_the_user(
    clients: AwsClients, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "with blank").mkdir()
    monkeypatch.chdir(tmp_path / "with blank")
    values, comments = printed(capsys, [*UP, *OPEN, *certificate_options()])
    assert values == {
        "READMIT_EC2_TAG": "readmit-source=readmit",
        "AWS_DEFAULT_REGION": clients.region,
        "READMIT_EC2_HOURS": "08:55-23:55 America/Lima",
        "READMIT_SOURCE_TOKEN_FILE": str(TOKEN.absolute()),
        "READMIT_SOURCE_CA": str(Path("var/aws/readmit_tls_certificate").absolute()),
    }
    assert "Also set READMIT_EC2_CREDENTIALS to a file" in comments
    assert "closed" not in comments
    for name, value in values.items():
        monkeypatch.setenv(name, str(value))
    settings = Settings()
    assert settings.ec2_tag == ("readmit-source", "readmit")
    assert settings.secret("source_token") == TOKEN.read_text()
    assert str(settings.ec2_hours) == "08:55-23:55 America/Lima"
    assert settings.source_tls is not None


@pytest.mark.usefixtures("moto")
def test_with_a_closed_port_they_say_how_to_open_it_and_what_a_tunnel_is_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    values, comments = printed(capsys, UP)
    assert "READMIT_SOURCE_CA" not in values
    assert "open it to the network of the pipeline with --allow, --certificate and --key" in comments
    assert "not for containers, the data API is at http://127.0.0.1:5001." in comments
    printed(capsys, ["up", *OPEN, *certificate_options()])
    _, comments = printed(capsys, ["up"])
    assert "the data API is at https://127.0.0.1:5001." in comments, "the stored certificate is still used"


def test_for_an_existing_instance_they_are_how_to_find_it_and_when_to_start_it(
    clients: AwsClients, capsys: pytest.CaptureFixture[str]
) -> None:
    instance = run_instance(clients.ec2, "Name=mine")
    values, comments = printed(capsys, ["up", "--instance", instance])
    assert "Also set READMIT_SOURCE_CA to the certificate of its data API" in comments
    assert set(values) == {"READMIT_EC2_TAG", "AWS_DEFAULT_REGION", "READMIT_EC2_HOURS"}


@pytest.mark.usefixtures("moto")
def test_schedules_that_are_no_hours_are_no_setting_but_an_advice(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(UP) == 0
    assert main(["schedule", "55 8 1 * ? *", "55 23 * * ? *"]) == 0
    values, comments = printed(capsys, ["up"])
    assert "READMIT_EC2_HOURS" not in values
    assert "READMIT_EC2_HOURS can't express these schedules" in comments
