"""`aws::down` on moto's server."""

import sys

import pytest

from aws.__main__ import main
from aws.adopted_instance import AdoptedInstance
from aws.clients import AwsClients
from aws.infrastructure import InfrastructureStack
from tests.aws.account import TOKEN, UP, remaining, run_on_terminal
from tests.aws.moto_server import MotoServer

# What moto's CloudFormation lacks is checked as a document, in test_template.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS")


def test_down_leaves_nothing_and_a_second_one_finds_nothing(
    clients: AwsClients, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(UP) == 0
    assert len(remaining(clients)) == 16
    assert main(["down", "--yes"]) == 0
    assert remaining(clients) == []
    capsys.readouterr()
    assert main(["down"]) == 0
    assert capsys.readouterr().out.endswith("There is nothing to remove: no stack readmit in us-east-1.\n")


def test_down_deletes_nothing_without_a_confirmation_or_in_a_dry_run(
    clients: AwsClients, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(UP) == 0
    before = remaining(clients)
    assert main(["down", "--dry-run"]) == 0
    listed = capsys.readouterr().out.splitlines()[-4:]
    assert [line.partition(": ")[0] for line in listed] == ["would delete"] * 4
    assert main(["down"]) == 1
    assert "nothing was removed: the deletion was not confirmed" in capsys.readouterr().err
    assert remaining(clients) == before


def test_after_an_interrupted_up_the_instance_of_the_stack_is_not_taken_for_an_adopted_one(
    clients: AwsClients, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(UP) == 0
    with monkeypatch.context() as patch:
        # As while the stack is being created.
        patch.setattr(InfrastructureStack, "outputs", lambda _: {})
        assert main(["down", "--dry-run"]) == 0
    output = capsys.readouterr().out
    assert "would delete: stack readmit (with its instance and disk)" in output
    assert "tag of the instance" not in output
    AdoptedInstance(clients.ec2, "another", None).remove()


def test_down_leaves_the_files_of_a_stack_in_another_region(
    clients: AwsClients, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(UP) == 0
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert main(["down", "--yes"]) == 0
    assert "There is nothing to remove: no stack readmit in eu-west-1." in capsys.readouterr().out
    assert TOKEN.exists()
    monkeypatch.undo()
    assert clients.region == "us-east-1"


@pytest.mark.parametrize(("typed", "code"), [("readmit", 0), ("yes", 1)])
def test_down_asks_for_the_name_on_a_terminal(clients: AwsClients, moto: MotoServer, typed: str, code: int) -> None:
    assert main(UP) == 0
    assert run_on_terminal([sys.executable, "-m", "aws", "down"], typed, moto.environment) == code
    assert (remaining(clients) == []) == (code == 0)
