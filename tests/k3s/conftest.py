"""The stack that `just k3s::up` left, with a day done, for the tests marked `k3s`."""

from collections.abc import Iterator

import pytest

from k3s.cluster_status import fetch_days
from tests.k3s.cluster_stack import ClusterStack, stack_that_is_up
from tests.k3s.waiting import wait_until

DAY_SECONDS = 600.0


@pytest.fixture(scope="session")
def cluster_stack() -> Iterator[ClusterStack]:
    stack = stack_that_is_up()
    wait_until(lambda: bool(fetch_days(stack.cluster).done), DAY_SECONDS)
    yield stack
    stack.close()
