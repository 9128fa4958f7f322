"""Options of `aws::up`: the network that reaches the data API, its certificate, and what is refused."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from aws.__main__ import main
from aws.clients import AwsClients
from readmit.stacks import certificates
from readmit.stacks.certificates import make_certificate
from tests.aws.account import IMAGE, UP, certificate_options, ingress, remaining, tagged_instance
from tests.aws.test_handler import run_instance

# What moto's CloudFormation lacks is checked as a document, in test_template.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS")


@pytest.mark.parametrize("network", ["0.0.0.0/0", "0.0.0.0/1", "10.0.0.0/8", "203.0.0.0/16", "198.51.100.0/23"])
def test_up_never_opens_the_port_to_the_world(
    clients: AwsClients, capsys: pytest.CaptureFixture[str], network: str
) -> None:
    assert main([*UP, "--allow", network]) == 1
    assert "addresses, and port 5001 serves patient data: allow at most 256" in capsys.readouterr().err
    assert remaining(clients) == []


@pytest.mark.usefixtures("moto")
@pytest.mark.parametrize("network", ["::/0", "everybody", "203.0.113.7/24"])
def test_up_refuses_what_is_no_ipv4_network(capsys: pytest.CaptureFixture[str], network: str) -> None:
    assert main([*UP, "--allow", network]) == 1
    assert "is not an IPv4 network, such as 203.0.113.7/32" in capsys.readouterr().err


def test_up_opens_the_port_to_one_network_only_with_a_certificate(
    clients: AwsClients, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*UP, "--allow", "203.0.113.7/32"]) == 1
    assert (
        "patient data do not travel over plain HTTP: add --certificate FILE and --key FILE" in capsys.readouterr().err
    )
    assert remaining(clients) == []
    assert main([*UP, "--allow", "203.0.113.7/32", *certificate_options()]) == 0
    assert ingress(clients) == [(5001, 5001, ["203.0.113.7/32"])]
    key = clients.ssm.get_parameter(Name="/readmit/readmit/tls_key", WithDecryption=True)["Parameter"]
    assert (key["Type"], key["Value"]) == ("SecureString", Path("key.pem").read_text())
    assert Path("var/aws/readmit_tls_certificate").read_text() == Path("certificate.pem").read_text()
    assert main(["up"]) == 0
    assert ingress(clients) == []


@pytest.mark.usefixtures("moto")
@pytest.mark.parametrize(
    ("certificate", "key", "message"),
    [
        ("key.pem", "certificate.pem", "--certificate: key.pem contains a private key, which no client may get"),
        ("both.pem", "key.pem", "--certificate: both.pem contains a private key"),
        ("certificate.pem", "certificate.pem", "are not a certificate and its private key, in PEM"),
        ("other.pem", "key.pem", "are not a certificate and its private key, in PEM"),
        ("certificate.pem", "text", "are not a certificate and its private key, in PEM"),
        ("certificate.pem", "long", "--key: long is longer than 4,096 bytes"),
        ("binary", "key.pem", "--certificate: binary: "),
        ("named.pem", "named.key", "no client of the pipeline would trust named.pem, for the name ec2-api: "),
        ("expired.pem", "expired.key", "certificate has expired"),
    ],
)
def test_up_refuses_files_that_no_server_could_use(
    capsys: pytest.CaptureFixture[str], certificate: str, key: str, message: str
) -> None:
    certificate_options()
    Path("both.pem").write_text(Path("certificate.pem").read_text() + Path("key.pem").read_text())
    Path("other.pem").write_text(make_certificate(["ec2-api"])[0])
    Path("text").write_text("none")
    Path("long").write_text("-" * 5_000)
    Path("binary").write_bytes(b"\xff\xfe")
    for name, text in zip(("named.pem", "named.key"), make_certificate(["other"]), strict=True):
        Path(name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certificates, "NOT_AFTER", certificates.NOT_BEFORE + timedelta(days=1))
        for name, text in zip(("expired.pem", "expired.key"), make_certificate(["ec2-api"]), strict=True):
            Path(name).write_text(text)
    assert main([*UP, "--allow", "203.0.113.7/32", "--certificate", certificate, "--key", key]) == 1
    assert message in capsys.readouterr().err


def test_a_new_certificate_restarts_the_running_instance_before_the_port_is_opened(
    clients: AwsClients, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(UP) == 0
    instance_id = tagged_instance(clients)["InstanceId"]
    clients.ec2.stop_instances(InstanceIds=[instance_id])
    options = ["up", "--allow", "203.0.113.7/32", *certificate_options()]
    assert main([*options, "--dry-run"]) == 0
    output = capsys.readouterr().out
    assert "unchanged: running instance" in output, "a stopped one reads its parameters at its start"
    assert "would change: files var/aws/readmit_*: write tls_certificate" in output
    clients.ec2.start_instances(InstanceIds=[instance_id])
    assert main(options) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("changes: ")]
    restart = lines.index("changes: running instance: restart, with the new certificate")
    assert "set tls_certificate, tls_key" in lines[restart - 1]
    assert lines[restart + 1].startswith("changes: stack readmit: update (AllowedCidr")
    assert main(options) == 0
    assert "unchanged: running instance" in capsys.readouterr().out


def test_without_a_network_no_port_is_open(clients: AwsClients) -> None:
    assert main(UP) == 0
    assert ingress(clients) == []


@pytest.mark.usefixtures("moto")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--name", "Read mit"), "--name: 'Read mit' is not a name of lower-case letters, digits and hyphens"),
        (("--certificate", "a.pem"), "--certificate, --key: one needs the other"),
        (("--certificate", "a.pem", "--key", "b.pem"), "--certificate: a.pem: "),
        (("--instance", "i-1", "--image", IMAGE), "--instance: an existing instance keeps its own image"),
    ],
)
def test_an_invalid_option_is_named(capsys: pytest.CaptureFixture[str], options: Sequence[str], message: str) -> None:
    assert main(["up", *options]) == 1
    assert message in capsys.readouterr().err


def test_options_of_an_own_instance_are_refused_when_the_stack_has_adopted_one(
    clients: AwsClients, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", "--instance", run_instance(clients.ec2, "Name=mine")]) == 0
    for options in (["--image", IMAGE], ["--allow", "203.0.113.7/32"], certificate_options()):
        assert main(["up", *options]) == 1
        assert "stack readmit starts and stops an instance that existed before" in capsys.readouterr().err
