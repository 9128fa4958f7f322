"""`just aws::try`: the recipes against moto's server, and a day from a container in the place of the instance.

The container has the address that the server reports for the instance, on a network of its own, and runs the command of
the systemd unit. The day ends before the training. At the end nothing is left.
"""

import ipaddress
import os
import shlex
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import boto3
import httpx

from aws import source_environment
from aws.clients import connect
from aws.handler import handler
from readmit.embedded.environment import s3_variables, variables
from readmit.embedded.processes import Processes
from readmit.embedded.seaweedfs import INNER_PORTS
from readmit.embedded.services import services
from readmit.embedded.stack import HOST, SERVICES, free_ports
from readmit.embedded.stop_signals import treat_signals_as_interrupt
from readmit.settings import environment_with
from readmit.stacks.certificates import make_certificate
from tests.aws.account import in_account
from tests.aws.moto_server import ACCOUNT, MotoServer
from tests.aws.unit_container import (
    ROOT,
    build_image,
    docker,
    give_tls_files_to_service,
    take_tls_files_back,
    unit_container,
)

NAME = "readmit-aws-try"
TAG = "readmit-source=readmit"
SERVER_NAME = "ec2-api"
"""The host of the certificate: the address changes at each start."""
TIMEOUT_SECONDS = 120.0
SCHEDULES = (("0 9 * * ? *", "0 18 * * ? *"), ("55 8 * * ? *", "55 23 * * ? *"))


class WalkFailed(Exception):
    """A part of the walk did not give the expected result."""


def main() -> int:
    """Run the walk. Return 0 when each part gave the expected result, else 1 with the reason."""
    if sys.platform != "linux":
        print("just aws::try needs Linux: elsewhere the container's address can't be reached", file=sys.stderr)
        return 1
    if shutil.which("docker") is None:
        print("just aws::try needs Docker, of which a container takes the place of the instance", file=sys.stderr)
        return 1
    treat_signals_as_interrupt()
    try:
        with TemporaryDirectory(prefix=f"{NAME}-") as folder, MotoServer.running() as server:
            os.environ.update({**server.environment, **no_files(Path(folder))})
            server.reset()
            require_account_of_server()
            Walk(Path(folder), server).run()
    except (WalkFailed, AssertionError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print("\nEverything worked, and nothing is left.")
    return 0


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk with its files in `folder`."""

    folder: Path
    server: MotoServer

    def run(self) -> None:
        """Create, change, use and remove everything."""
        certificate, key = self._certificate()
        options = ("--image", NAME, "--allow", "203.0.113.7/32", "--certificate", certificate, "--key", key)
        self._just("up", *options, "--dry-run")
        self._just("up", *options)
        if "changes: " in self._just("up", "--allow", "203.0.113.7/32"):
            raise WalkFailed("the second up changed something")
        for schedule in SCHEDULES:
            self._just("schedule", *schedule)
        for action in ("stop", "start"):
            print(f"the function, called to {action}: {handler({'action': action, 'tag': TAG})['outcome']}")
        with self._instance():
            self._day()
            self._just("status")
        self._just("down", "--yes")
        if "nothing to remove" not in self._just("down", "--yes"):
            raise WalkFailed("the second down found something to remove")
        if left := in_account(connect()):
            raise WalkFailed(f"the account still has {', '.join(left)}")

    def _just(self, recipe: str, *arguments: str) -> str:
        """Run a recipe in the folder, which keeps its files, and return what it printed."""
        print(f"\n$ just aws::{recipe} {shlex.join(arguments)}", flush=True)
        environment = environment_with({"PYTHONPATH": str(ROOT)})
        return self._output([sys.executable, "-m", "aws", recipe, *arguments], environment)

    def _certificate(self) -> tuple[str, str]:
        paths = [self.folder / "certificate.pem", self.folder / "key.pem"]
        for path, text in zip(paths, make_certificate([SERVER_NAME]), strict=True):
            path.write_text(text)
        return paths[0].name, paths[1].name

    @contextmanager
    def _instance(self) -> Iterator[None]:
        """Run the container with the environment that the instance would read, at the address of the instance."""
        build_image(NAME)
        run, address = self.folder / "run", instance_address()
        os.environ["READMIT_PARAMETERS"] = "/readmit/readmit"
        if source_environment.main(run, os.getuid()) != 0:
            raise WalkFailed("the environment of the instance is not complete")
        sample = {"READMIT_SOURCE_DOWNLOAD_URL": "", "READMIT_SOURCE_INTERVAL_SECONDS": "0"}
        with ExitStack() as stack:
            stack.callback(docker, "image", "rm", NAME)
            _remove_leftovers()
            docker("network", "create", "--subnet", *subnet_around(address), NAME)
            stack.callback(docker, "network", "rm", NAME)
            stack.callback(docker, "volume", "rm", "--force", NAME)
            give_tls_files_to_service(run, NAME)
            stack.callback(take_tls_files_back, run, NAME)
            print(f"\na container takes the place of the instance at {address}", flush=True)
            stack.enter_context(unit_container(NAME, run, ("--network", NAME, "--ip", address), sample, NAME))
            self._wait_until_healthy(address)
            yield

    def _wait_until_healthy(self, address: str) -> None:
        context = ssl.create_default_context(cafile=str(self.folder / "certificate.pem"))
        extensions = {"sni_hostname": SERVER_NAME}
        deadline = time.monotonic() + TIMEOUT_SECONDS
        with httpx.Client(verify=context, trust_env=False) as client:
            while True:
                try:
                    url, headers = f"https://{address}:5001/health", {"Host": f"{SERVER_NAME}:5001"}
                    client.get(url, headers=headers, extensions=extensions).raise_for_status()
                    return
                except httpx.HTTPError as error:
                    if time.monotonic() > deadline:
                        raise WalkFailed(f"the data API does not respond: {error}: {docker('logs', NAME)}") from error
                    time.sleep(0.5)

    def _day(self) -> None:
        """Take batch 1 from the instance, into an S3 server and SQLite databases of this walk."""
        folder = self.folder / "stack"
        folder.mkdir()
        ports = dict(zip((*SERVICES, *INNER_PORTS), free_ports(len(SERVICES) + len(INNER_PORTS)), strict=True))
        addresses = {name: f"http://{HOST}:{ports[name]}" for name in SERVICES}
        stack = {**variables(folder, addresses), **self._source_settings()}
        # The address is that of the instance.
        del stack["READMIT_SOURCE_URL"]
        environment = environment_with(stack, without=("READMIT_SOURCE_URL",))
        inner = {name: ports[name] for name in INNER_PORTS}
        (s3, *_) = services(folder, HOST, ports, inner, environment, {"s3": s3_variables(folder, HOST)})
        processes = Processes(folder / "processes")
        try:
            processes.start(s3)
            processes.wait_until_healthy(s3)
            for command in (["migrate"], ["day", "--train", "no"]):
                print(f"\n$ readmit {shlex.join(command)}", flush=True)
                self._output([sys.executable, "-m", "readmit.cli", *command], environment)
            query = "SELECT COUNT(*) AS encounters FROM raw_data_db.diabetes_raw WHERE batch_number = 1"
            rows = self._output([sys.executable, "-m", "readmit.cli", "sql", query], environment)
            if int(rows.split()[-1]) == 0:
                raise WalkFailed("the day has stored no encounter")
        finally:
            processes.stop()

    def _source_settings(self) -> Mapping[str, str]:
        """Return the settings of the pipeline that `aws::up` prints, and those of the server in place of AWS."""
        login = self.folder / "credentials"
        login.write_text("[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = none\n")
        files = self.folder / "var/aws"
        return {
            "READMIT_EC2_TAG": TAG,
            "READMIT_EC2_HOURS": "08:55-23:55 America/Lima",
            "READMIT_EC2_CREDENTIALS": str(login),
            "READMIT_SOURCE_TOKEN": (files / "readmit_source_token").read_text(),
            "READMIT_SOURCE_CA": str(files / "readmit_tls_certificate"),
            "AWS_ENDPOINT_URL_EC2": self.server.url,
        }

    def _output(self, command: Sequence[str], environment: Mapping[str, str]) -> str:
        """Run a command in the folder, print what it prints and return it. Raises WalkFailed when it fails."""
        result = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        print(result.stdout, end="", flush=True)
        if result.returncode != 0:
            raise WalkFailed(f"{shlex.join(command)} returned {result.returncode}")
        return result.stdout


def no_files(folder: Path) -> Mapping[str, str]:
    """Return variables by which boto3 reads no configuration of the user."""
    missing = str(folder / "none")
    return {"AWS_CONFIG_FILE": missing, "AWS_SHARED_CREDENTIALS_FILE": missing}


def require_account_of_server() -> None:
    """Raise WalkFailed when boto3 would use another account than that of moto's server."""
    account = boto3.client("sts").get_caller_identity()["Account"]
    if account != ACCOUNT:
        raise WalkFailed(f"boto3 uses account {account} and not that of the local server, {ACCOUNT}: nothing was done")


def _remove_leftovers() -> None:
    """Remove what a killed walk has left."""
    for command in (("rm", "--force", NAME), ("volume", "rm", "--force", NAME), ("network", "rm", "--force", NAME)):
        docker(*command)


def instance_address() -> str:
    """Return the public address of the instance, as AWS reports it."""
    filters = [{"Name": f"tag:{TAG.partition('=')[0]}", "Values": ["readmit"]}]
    response = boto3.client("ec2").describe_instances(Filters=filters)
    (instance,) = [item for group in response["Reservations"] for item in group["Instances"]]
    return instance["PublicIpAddress"]


def subnet_around(address: str) -> tuple[str, str, str]:
    """Return a small subnet in which the address is that of a host, and another host as gateway, for Docker."""
    for prefix in range(29, 8, -1):
        network = ipaddress.IPv4Network(f"{address}/{prefix}", strict=False)
        first, second = islice(network.hosts(), 2)
        if ipaddress.IPv4Address(address) not in (network.network_address, network.broadcast_address):
            return str(network), "--gateway", str(second if str(first) == address else first)
    raise WalkFailed(f"{address} is the end of every subnet")
