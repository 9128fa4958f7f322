"""The same attacks on the container of the inference API, whose cgroup has 768 MB and ends it beyond."""

import json
from collections.abc import Callable
from threading import Thread
from urllib.parse import urlsplit

import pytest

from readmit.containers.project import output
from tests.e2e.containers import Stack
from tests.security.api_attacks import ALL
from tests.security.api_process import ApiAddress, probing

pytestmark = pytest.mark.e2e


def state_of(stack: Stack) -> tuple[int, str, bool, int]:
    """Return the container's limit of memory, when it started, whether it was killed for memory, and its restarts."""
    (container,) = json.loads(output(["docker", "inspect", stack.project.output("ps", "--quiet", "api").strip()]))
    state = container["State"]
    return container["HostConfig"]["Memory"], state["StartedAt"], state["OOMKilled"], container["RestartCount"]


@pytest.mark.attack("endless headers", "api")
@pytest.mark.attack("slow heads", "api")
@pytest.mark.attack("stalled bodies", "api")
def test_all_attacks_at_once_do_not_end_the_container_nor_predictions(
    containers: Stack, record_property: Callable[[str, object], None]
) -> None:
    if not containers.get("api", "/health")["model_loaded"]:
        assert containers.day(batch=1).state == "COMPLETED"
    api = ApiAddress(urlsplit(containers.addresses["api"]).port or 0)
    before, statuses = state_of(containers), []

    def run(attack: Callable[[ApiAddress], list[str]]) -> None:
        statuses.extend(attack(api))

    with probing(api) as found:
        threads = [Thread(target=run, args=(attack,)) for attack in ALL]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(found[0])
    assert before[0] == 768 * 2**20
    assert state_of(containers) == before
    assert set(found[0].statuses) == {"200"}
    assert "200" not in statuses
    record_property("answer", "others are answered")
