"""The settings of the pipeline that `aws::up` and `aws::schedule` print: lines of .env, with remarks as comments."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from aws.aws_cron import opening_hours
from aws.infrastructure import TAG
from aws.local_files import LocalFiles


@dataclass(frozen=True, slots=True)
class SourceDeployment:
    """What was deployed. `has_certificate`: the data API uses TLS; `is_open`: its port is open to a network."""

    name: str
    region: str
    crons: Mapping[str, str]
    has_certificate: bool
    is_open: bool


def setting_lines(deployment: SourceDeployment, now: datetime) -> Iterator[str]:
    """Yield the settings for the data API of an instance that `aws::up` has created."""
    files = LocalFiles(deployment.name, dict)
    yield from _instance_lines(deployment, now)
    yield f'READMIT_SOURCE_TOKEN_FILE="{files.path("source_token").absolute()}"'
    if deployment.has_certificate:
        yield f'READMIT_SOURCE_CA="{files.path("tls_certificate").absolute()}"'
    if not deployment.is_open:
        scheme = "https" if deployment.has_certificate else "http"
        yield "# Port 5001 is closed, so that the pipeline can't reach the data API: open it to the network of the"
        yield "# pipeline with --allow, --certificate and --key. Through a tunnel (docs/aws.md), for programs on this"
        yield f"# machine and not for containers, the data API is at {scheme}://127.0.0.1:5001."


def adopted_setting_lines(deployment: SourceDeployment, now: datetime) -> Iterator[str]:
    """Yield the settings for an instance that existed before, whose data API is unknown here."""
    yield from _instance_lines(deployment, now)
    yield "# Also set READMIT_SOURCE_CA to the certificate of its data API, which is for the name ec2-api, and"
    yield "# READMIT_SOURCE_TOKEN to its token."


def _instance_lines(deployment: SourceDeployment, now: datetime) -> Iterator[str]:
    """Yield how to find the instance, and when to start it."""
    yield "# Settings of the pipeline, for .env"
    yield f"READMIT_EC2_TAG={TAG}={deployment.name}"
    yield f"AWS_DEFAULT_REGION={deployment.region}"
    yield from hours_lines(deployment.crons, now)
    yield "# Also set READMIT_EC2_CREDENTIALS to a file with the key of a user who may start the instance: docs/aws.md."


def hours_lines(crons: Mapping[str, str], now: datetime) -> Iterator[str]:
    """Yield the setting for the hours of two schedules, or what to do when they are no such hours."""
    hours = opening_hours(crons["start"], crons["stop"], now)
    if hours is not None:
        yield f'READMIT_EC2_HOURS="{hours}"'
        yield "# Days must start within these hours: READMIT_SCHEDULE, in America/Lima, is 30 9 * * * if unset."
        return
    yield "# READMIT_EC2_HOURS can't express these schedules: they are not the same hours of the same days of every"
    yield "# week. Set it to hours that a stop always follows: a day may start the instance, and never stops it."
