"""`just aws::up`, `just aws::schedule` and `just aws::down`: what differs is changed, and nothing else."""

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from aws.adopted_instance import AdoptedInstance, tagged_instances
from aws.clients import AwsClients
from aws.errors import AwsCommandError
from aws.function_code import FunctionCode
from aws.infrastructure import InfrastructureStack
from aws.instance_restart import InstanceRestart
from aws.local_files import LocalFiles
from aws.pipeline_settings import SourceDeployment, adopted_setting_lines, hours_lines, setting_lines
from aws.schedule_pair import SchedulePair
from aws.source_parameters import SourceParameters
from aws.up_options import SourceOptions

Output = Callable[[str], None]


class Deployable(Protocol):
    """A part of what runs in the account, which can be created twice and removed twice."""

    @property
    def label(self) -> str:
        """The part, for people."""

    def difference(self) -> str | None:
        """Return what `apply` would do, or None when the part is as wanted. Changes nothing."""

    def apply(self) -> None:
        """Make the part as wanted."""

    def remains(self) -> str | None:
        """Return what `remove` would delete, or None when there is nothing. Changes nothing."""

    def remove(self) -> None:
        """Delete the part."""


def up(clients: AwsClients, options: SourceOptions, dry_run: bool, now: datetime, output: Output) -> None:
    """Create or update everything, or with `dry_run` list what would be done. Raises AwsCommandError."""
    _print_place(clients, output)
    found = InfrastructureStack(clients.cloudformation, options.name, {})
    if options.instance_id and found.creates_instance():
        raise AwsCommandError(
            f"--instance: stack {options.name} has an instance of its own: run just aws::down first, or choose a --name"
        )
    require_not_terminated(clients, found)
    adopts = bool(options.instance_id) or (bool(found.parameters()) and not found.creates_instance())
    if adopts:
        _refuse_options_of_own_instance(options)
    if options.allowed_cidr:
        _require_certificate(clients, options)
    _apply(_adopting_parts(clients, options) if adopts else _own_parts(clients, options), dry_run, output)
    if not dry_run:
        _print_settings(clients, options, adopts, now, output)


def schedule(
    clients: AwsClients, name: str, crons: Mapping[str, str], dry_run: bool, now: datetime, output: Output
) -> None:
    """Set the checked cron expressions of the start and the stop. Raises AwsCommandError without a stack."""
    _print_place(clients, output)
    _apply([SchedulePair(clients.scheduler, require_stack(clients, name), crons)], dry_run, output)
    for line in hours_lines(crons, now):
        output(line)


def down(clients: AwsClients, name: str, dry_run: bool, confirmed: bool, output: Output) -> None:
    """Delete everything after a confirmation. Raises AwsCommandError when the user does not confirm."""
    _print_place(clients, output)
    found = [(part, remains) for part in _removable_parts(clients, name) if (remains := part.remains())]
    if all(isinstance(part, LocalFiles) for part, _ in found):
        output(f"There is nothing to remove: no stack {name} in {clients.region}.")
        return
    for part, remains in found:
        output(f"{'would delete' if dry_run else 'deletes'}: {part.label} ({remains})")
    if dry_run:
        return
    if not confirmed and not _is_confirmed(name):
        raise AwsCommandError("nothing was removed: the deletion was not confirmed")
    for part, _ in found:
        part.remove()
    output("Everything was removed.")


def require_stack(clients: AwsClients, name: str) -> InfrastructureStack:
    """Return the stack. Raises AwsCommandError when it does not exist."""
    stack = InfrastructureStack(clients.cloudformation, name, {})
    if not stack.outputs():
        raise AwsCommandError(f"there is no stack {name} in {clients.region}: just aws::up creates it")
    return stack


def require_not_terminated(clients: AwsClients, stack: InfrastructureStack) -> None:
    """Raise AwsCommandError when the instance of the stack no longer exists: CloudFormation does not replace it."""
    if "InstanceId" in stack.outputs() and not tagged_instances(clients.ec2, stack.name):
        raise AwsCommandError(
            f"the instance of stack {stack.name} was terminated: run just aws::down and then just aws::up"
        )


def _print_place(clients: AwsClients, output: Output) -> None:
    output(f"account {clients.account}, {clients.region}")


def _is_confirmed(name: str) -> bool:
    """Return whether a person types the name of the stack; on no terminal, nobody does."""
    try:
        return sys.stdin.isatty() and input(f"Type {name} to continue: ") == name
    except EOFError:
        return False


def _apply(parts: Sequence[Deployable], dry_run: bool, output: Output) -> None:
    for part in parts:
        difference = part.difference()
        if difference is None:
            output(f"unchanged: {part.label}")
        elif dry_run:
            output(f"would change: {part.label}: {difference}")
        else:
            output(f"changes: {part.label}: {difference}")
            part.apply()


def _own_parts(clients: AwsClients, options: SourceOptions) -> list[Deployable]:
    parameters = SourceParameters(clients.ssm, options.name, options.given)
    restart = InstanceRestart(clients.ec2, options.name, parameters.has_new_certificate())
    files = LocalFiles(options.name, lambda: {**parameters.values(), **options.given})
    wanted = {"CreateInstance": "yes", "AllowedCidr": options.allowed_cidr}
    # Another image would replace the instance.
    initial = {"Ami": parameters.path("ami")}
    stack = InfrastructureStack(clients.cloudformation, options.name, wanted, initial)
    return [parameters, restart, stack, *_function_parts(clients, stack), files]


def _adopting_parts(clients: AwsClients, options: SourceOptions) -> list[Deployable]:
    stack = InfrastructureStack(clients.cloudformation, options.name, {"CreateInstance": "no"})
    return [AdoptedInstance(clients.ec2, options.name, options.instance_id), stack, *_function_parts(clients, stack)]


def _function_parts(clients: AwsClients, stack: InfrastructureStack) -> list[Deployable]:
    code = FunctionCode(clients.functions, f"{stack.name}-start-stop")
    return [code, SchedulePair(clients.scheduler, stack, {})]


def _removable_parts(clients: AwsClients, name: str) -> list[Deployable]:
    stack = InfrastructureStack(clients.cloudformation, name, {})
    adopted: list[Deployable] = [] if stack.creates_instance() else [AdoptedInstance(clients.ec2, name, None)]
    local: list[Deployable] = [SourceParameters(clients.ssm, name, {}), LocalFiles(name, dict)]
    return [SchedulePair(clients.scheduler, stack, {}), stack, *adopted, *local]


def _require_certificate(clients: AwsClients, options: SourceOptions) -> None:
    stored = SourceParameters(clients.ssm, options.name, {}).values()
    if "tls_certificate" not in {**stored, **options.given}:
        raise AwsCommandError(
            "--allow: patient data do not travel over plain HTTP: add --certificate FILE and --key FILE, or leave the "
            "port closed and use a tunnel (docs/aws.md)"
        )


def _refuse_options_of_own_instance(options: SourceOptions) -> None:
    if options.given or options.allowed_cidr:
        raise AwsCommandError(
            f"--image, --allow, --certificate, --key: stack {options.name} starts and stops an instance that existed "
            "before, which keeps its own; for an instance with these options, choose another --name"
        )


def _print_settings(clients: AwsClients, options: SourceOptions, adopts: bool, now: datetime, output: Output) -> None:
    stack = InfrastructureStack(clients.cloudformation, options.name, {})
    parameters = SourceParameters(clients.ssm, options.name, {}).values()
    deployment = SourceDeployment(
        options.name,
        clients.region,
        SchedulePair(clients.scheduler, stack, {}).expressions(),
        has_certificate="tls_certificate" in parameters,
        is_open=bool(stack.parameters().get("AllowedCidr")),
    )
    output("")
    for line in (adopted_setting_lines if adopts else setting_lines)(deployment, now):
        output(line)
