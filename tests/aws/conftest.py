"""moto's server in place of AWS. No request leaves this machine, and no account is needed."""

import os
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import pytest
from botocore.loaders import JSONFileLoader

from aws.clients import AwsClients, connect
from tests.aws.moto_server import MotoServer


@pytest.fixture(scope="session", autouse=True)
def cached_service_models() -> Iterator[None]:
    """Let boto3 read its descriptions of AWS's services once: each command creates its clients anew."""
    load = cache(partial(JSONFileLoader._load_file, JSONFileLoader()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "_load_file", lambda _, path, open_method: load(path, open_method))
        yield


@pytest.fixture(scope="session")
def moto_server() -> Iterator[MotoServer]:
    with MotoServer.running() as server:
        yield server


@pytest.fixture
def moto(moto_server: MotoServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MotoServer:
    """An empty account, which the environment names; the working directory is empty, too."""
    moto_server.reset()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in moto_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return moto_server


@pytest.fixture
def clients(moto: MotoServer) -> AwsClients:
    assert moto.environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    return connect()
