"""A server that behaves like AWS, in this process."""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from moto.ssm.models import ssm_backends

from aws.source_parameters import UBUNTU

ACCOUNT = "123456789012"
REGION = "us-east-1"
UBUNTU_AMI = "ami-1e749f67"
"""One of the images that moto knows."""


@dataclass(frozen=True, slots=True)
class MotoServer:
    """The server. `environment`: the variables with which boto3 uses it, with credentials that are none."""

    url: str

    @classmethod
    @contextmanager
    def running(cls) -> Iterator["MotoServer"]:
        """Run the server on a free port."""
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        # It reports the resources that its CloudFormation lacks; test_template checks them.
        logging.getLogger("moto").setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", "Tried to parse AWS")
        # Thousands of images, read anew for every test.
        os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        try:
            host, port = server.get_host_and_port()
            yield cls(f"http://{host}:{port}")
        finally:
            server.stop()

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "not-a-secret",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def reset(self) -> None:
        """Empty the account. Add Canonical's public parameter, which moto lacks and refuses to be given."""
        httpx.post(f"{self.url}/moto-api/reset", timeout=60.0, trust_env=False).raise_for_status()
        parameters = ssm_backends[ACCOUNT][REGION]
        parameters.put_parameter(
            *("ubuntu", "", UBUNTU_AMI, "String", "", "", False, []), data_type="text", tier=None, policies=None
        )
        parameters._parameters[UBUNTU] = parameters._parameters.pop("ubuntu")
