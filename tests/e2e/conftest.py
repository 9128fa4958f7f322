"""The stack of containers under the name by which the tests of this folder know it."""

import pytest

from tests.e2e.containers import Stack


@pytest.fixture(scope="session")
def stack(containers: Stack) -> Stack:
    return containers
