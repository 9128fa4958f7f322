"""States of a CloudFormation stack that moto never has."""

from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber

from aws.clients import AwsClients
from aws.errors import AwsCommandError
from aws.infrastructure import InfrastructureStack

# What moto's CloudFormation lacks is checked as a document, in test_template.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS")


def stubbed_stack(clients: AwsClients, status: str) -> tuple[InfrastructureStack, Stubber]:
    """Return a stack in a state that moto's never has."""
    stubber = Stubber(clients.cloudformation)
    stack = {"StackName": "readmit", "StackStatus": status, "CreationTime": datetime.now(UTC)}
    stubber.add_response("describe_stacks", {"Stacks": [stack]})
    stubber.activate()
    return InfrastructureStack(clients.cloudformation, "readmit", {}), stubber


def test_a_stack_that_is_being_changed_is_left_alone_by_stubber(clients: AwsClients) -> None:
    stack, _ = stubbed_stack(clients, "UPDATE_IN_PROGRESS")
    with pytest.raises(AwsCommandError, match=r"is being changed \(UPDATE_IN_PROGRESS\): try again in a few minutes"):
        stack.difference()


def test_a_stack_whose_creation_failed_is_created_again_by_stubber(clients: AwsClients) -> None:
    stack, _ = stubbed_stack(clients, "ROLLBACK_COMPLETE")
    assert stack.difference() == "delete and create again (ROLLBACK_COMPLETE)"


def test_a_failed_creation_names_the_resources_and_the_reasons_by_stubber(clients: AwsClients) -> None:
    stubber, now = Stubber(clients.cloudformation), datetime.now(UTC)
    stubber.add_client_error("describe_stacks", "ValidationError", "Stack with id readmit does not exist")
    stubber.add_response("create_stack", {"StackId": "readmit"})
    failed = {"StackName": "readmit", "StackStatus": "ROLLBACK_COMPLETE", "CreationTime": now}
    stubber.add_response("describe_stacks", {"Stacks": [failed]})
    reasons = {"Instance": "You have exceeded your quota", "Function": "Resource creation cancelled"}
    events = [
        {
            **{"StackId": "readmit", "EventId": name, "StackName": "readmit", "Timestamp": now},
            **{"LogicalResourceId": name, "ResourceStatus": "CREATE_FAILED", "ResourceStatusReason": reason},
        }
        for name, reason in reasons.items()
    ]
    begin = {**events[0], "EventId": "begin", "LogicalResourceId": "readmit", "ResourceStatus": "CREATE_IN_PROGRESS"}
    older = {**events[0], "EventId": "older", "ResourceStatusReason": "a reason of an older attempt"}
    stubber.add_response("describe_stack_events", {"StackEvents": [*events, begin, older]})
    with stubber, pytest.raises(AwsCommandError, match="^stack readmit: Instance: You have exceeded your quota$"):
        InfrastructureStack(clients.cloudformation, "readmit", {}).apply()


def test_a_change_of_the_template_that_changes_no_resource_is_no_error_by_stubber(clients: AwsClients) -> None:
    stack, stubber = stubbed_stack(clients, "CREATE_COMPLETE")
    stubber.add_client_error("update_stack", "ValidationError", "No updates are to be performed.")
    stack.apply()
    stubber.assert_no_pending_responses()
