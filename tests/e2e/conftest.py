"""The fixture `stack`: the stack under test, on containers or, with `--backend k3s`, on a cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.backend import Backend
from tests.e2e.s3_server import MOTO, S3_OPTION
from tests.k3s.cluster_stack import temporary_stack


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--backend", choices=["compose", "k3s"], default="compose")
    parser.addoption(S3_OPTION, choices=["settings", MOTO], default="settings")


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, data: Path) -> Iterator[Backend]:
    # Another start of pytest has no such option: the file that adds it is read after the command line.
    if request.config.getoption("--backend", "compose") == "k3s":
        with temporary_stack(data) as cluster_stack:
            yield cluster_stack
        return
    containers: Backend = request.getfixturevalue("containers")
    yield containers
