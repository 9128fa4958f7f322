"""Options of `aws::up`: the network that reaches the data API, its certificate, and what is refused."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from aws.__main__ import main
from aws.clients import AwsClients
from readmit.stacks.certificates import make_certificate
from tests.aws.account import IMAGE, UP, certificate_options, ingress, remaining
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
    assert main([*UP, "--allow", "203.0.113.7/32", "--certificate", certificate, "--key", key]) == 1
    assert message in capsys.readouterr().err


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
