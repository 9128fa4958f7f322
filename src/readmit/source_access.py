"""Access to the data API: at a fixed address, or at that of its EC2 instance, which changes at each start."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from readmit.core.errors import SourceUnavailable
from readmit.core.opening_hours import OpeningHours
from readmit.io import ec2_instance, source_client
from readmit.io.ec2_instance import Ec2Access, InstanceSelection, InstanceState
from readmit.io.source_client import SourceEndpoint, SourceState
from readmit.settings import SettingError, Settings

SERVER_NAME, PORT = "ec2-api", 5001
"""Host name in the certificate of an instance, and its port. Its address can be in no certificate: it changes."""
RUNNING_TIMEOUT_SECONDS = 300.0
"""From a start, or a stop that has begun, until the instance runs."""
HEALTHY_TIMEOUT_SECONDS = 600.0
"""From then until its data API responds: the first start downloads the data."""
POLL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class SourceAvailability:
    """The source at the start of a day. `instance`: None: it is not on one; `started`: the instance, for this day.

    `state`: None: the instance is stopped, outside its hours.
    """

    instance: InstanceState | None
    started: bool
    state: SourceState | None


def current_endpoint(settings: Settings) -> SourceEndpoint:
    """Return where the data API is now. Raises SourceUnavailable when its instance is not running."""
    if not settings.has_ec2_instance:
        return _endpoint(settings, settings.source_url)
    return _instance_endpoint(settings, ec2_instance.describe(*_selection(settings)))


def make_available(settings: Settings, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> SourceAvailability:
    """Return the state of the source, after starting its instance if it is stopped within its hours.

    Raises InstanceNotFound when there is no such instance, SourceUnavailable when it does not run or respond in time.
    """
    if not settings.has_ec2_instance:
        return SourceAvailability(None, False, source_client.fetch_state(current_endpoint(settings)))
    instance = ec2_instance.describe(*_selection(settings))
    if instance.state == "running":
        return SourceAvailability(instance, False, _fetch_state(settings, instance, 0.0))
    if instance.state != "pending" and not _is_open(settings.ec2_hours, now()):
        return SourceAvailability(instance, False, None)
    running = _wait_until_running(settings, instance)
    return SourceAvailability(
        running, instance.state != "pending", _fetch_state(settings, running, HEALTHY_TIMEOUT_SECONDS)
    )


def _is_open(hours: OpeningHours, at: datetime) -> bool:
    local = at.astimezone(ZoneInfo(hours.zone))
    return hours.includes(local.weekday(), 60 * local.hour + local.minute)


def _wait_until_running(settings: Settings, instance: InstanceState) -> InstanceState:
    """Start the instance, once it has stopped if it is stopping, and return it when it runs."""
    selection, access = _selection(settings)
    deadline = time.monotonic() + RUNNING_TIMEOUT_SECONDS
    # Once: an instance that was starting and stops again has a fault that another start does not correct.
    may_start = instance.state != "pending"
    while instance.state != "running":
        if instance.state == "stopped" and may_start:
            ec2_instance.start(instance.instance_id, access)
            may_start = False
        if time.monotonic() > deadline:
            raise SourceUnavailable(
                f"EC2 instance {instance.instance_id} is still {instance.state}, {RUNNING_TIMEOUT_SECONDS:.0f} s after "
                "a start was requested: look at its state and its system log in the EC2 console"
            )
        time.sleep(POLL_SECONDS)
        instance = ec2_instance.describe(selection, access)
    return instance


def _fetch_state(settings: Settings, instance: InstanceState, timeout: float) -> SourceState:
    """Return the state of the data API on a running instance, as soon as it responds."""
    source, deadline = _instance_endpoint(settings, instance), time.monotonic() + timeout
    while True:
        try:
            return source_client.fetch_state(source)
        except SourceUnavailable as error:
            if time.monotonic() > deadline:
                raise SourceUnavailable(
                    f"EC2 instance {instance.instance_id} is running, but its data API does not respond: {error}. "
                    "Check that its security group admits this machine, and on the instance the logs of the container"
                ) from error
        time.sleep(POLL_SECONDS)


def _instance_endpoint(settings: Settings, instance: InstanceState) -> SourceEndpoint:
    if instance.state != "running":
        raise SourceUnavailable(f"EC2 instance {instance.instance_id} of the data API is {instance.state}, not running")
    if settings.fixed_source_url is not None:
        return _endpoint(settings, settings.fixed_source_url)
    if settings.source_ca is None:
        raise SettingError(
            "READMIT_SOURCE_CA is not set, but it verifies the data API on an EC2 instance: set it to the certificate "
            f"of its data API, for the name {SERVER_NAME}; or set READMIT_SOURCE_URL to a fixed address"
        )
    return _endpoint(settings, f"https://{instance.address}:{PORT}", SERVER_NAME)


def _endpoint(settings: Settings, url: str, server_name: str | None = None) -> SourceEndpoint:
    token = None if settings.source_token is None else settings.secret("source_token")
    return SourceEndpoint(url, token, settings.source_tls, server_name)


def _selection(settings: Settings) -> tuple[InstanceSelection, Ec2Access]:
    access = Ec2Access(settings.aws_default_region, settings.aws_endpoint_url_ec2, settings.ec2_credentials)
    return InstanceSelection(settings.ec2_instance_id, settings.ec2_tag), access
