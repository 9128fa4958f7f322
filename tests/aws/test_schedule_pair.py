"""`aws::schedule` on moto's server."""

import pytest

from aws.__main__ import main
from aws.clients import AwsClients
from tests.aws.account import UP, remaining, schedules

# What moto's CloudFormation lacks is checked as a document, in test_template.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS")


def test_schedule_changes_both_and_nothing_else(clients: AwsClients, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(UP) == 0
    before = schedules(clients)
    assert main(["schedule", "0 9 * * ? *", "30 18 * * ? *", "--dry-run"]) == 0
    assert schedules(clients) == before
    assert main(["schedule", "0  9 * * ? *", "30 18 * * ? *"]) == 0
    assert 'READMIT_EC2_HOURS="09:00-18:30 America/Lima"' in capsys.readouterr().out
    after = schedules(clients)
    assert after["readmit-start"]["ScheduleExpression"] == "cron(0 9 * * ? *)"
    assert after["readmit-stop"]["ScheduleExpression"] == "cron(30 18 * * ? *)"
    assert [item["Target"] for item in after.values()] == [item["Target"] for item in before.values()]
    assert main(["schedule", "0 9 * * ? *", "30 18 * * ? *"]) == 0
    assert "unchanged: schedules" in capsys.readouterr().out


def test_a_schedule_that_somebody_gave_a_rate_is_reported_and_can_be_deleted(
    clients: AwsClients, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(UP) == 0
    schedule = schedules(clients)["readmit-stop"]
    changed = {name: schedule[name] for name in ("Name", "FlexibleTimeWindow", "Target")}
    clients.scheduler.update_schedule(**changed, ScheduleExpression="rate(1 day)")
    for command in (["up"], ["status"]):
        assert main(command) == 1
        assert "schedule readmit-stop is rate(1 day) and no cron expression" in capsys.readouterr().err
    assert main(["down", "--yes"]) == 0
    assert remaining(clients) == []


@pytest.mark.parametrize(
    "crons",
    [
        ("55 8 * * *", "55 23 * * ? *"),
        ("55 8 * * * *", "55 23 * * ? *"),
        ("55 8 * * ? *", "55 24 * * ? *"),
        ("55 8 * * ? *", "rate(1 day)"),
        ("55 8 * * ? *", ""),
        ("55 8 30 2 ? *", "55 23 * * ? *"),
        ("55 8 * * ? 2024", "55 23 * * ? *"),
        ("55 8 * * ? *", "55 8 ? * MON-SUN *"),
    ],
    ids=str,
)
def test_a_bad_cron_expression_is_refused_before_aws_sees_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], crons: tuple[str, str]
) -> None:
    # Nothing listens there: a request would be another error.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert main(["schedule", *crons]) == 1
    error = capsys.readouterr().err
    reasons = ("is not a cron expression of AWS (minute hour", "never comes due", "come due at the same time")
    assert any(reason in error for reason in reasons)


@pytest.mark.usefixtures("moto")
@pytest.mark.parametrize("command", [["schedule", "55 8 * * ? *", "55 23 * * ? *"], ["status"]], ids=str)
def test_what_needs_the_stack_says_how_to_create_it(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 1
    assert capsys.readouterr().err == "there is no stack readmit in us-east-1: just aws::up creates it\n"
