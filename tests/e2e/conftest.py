"""The fixture `stack`: the container stack under test."""

import pytest

from tests.e2e.containers import Stack


@pytest.fixture(scope="session")
def stack(containers: Stack) -> Stack:
    return containers
