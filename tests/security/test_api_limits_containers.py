"""The same attacks on the API's container, which is killed above 768 MB."""

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
    """Return the container's memory limit, its start time, whether it was OOM-killed, and its restarts."""
    (container,) = json.loads(output(["docker", "inspect", stack.project.output("ps", "--quiet", "api").strip()]))
    state = container["State"]
    return container["HostConfig"]["Memory"], state["StartedAt"], state["OOMKilled"], container["RestartCount"]


@pytest.mark.attack("endless headers", "api")
@pytest.mark.attack("slow headers", "api")
@pytest.mark.attack("stalled bodies", "api")
def test_the_container_and_its_predictions_survive_all_attacks_at_once(
    containers: Stack, record_property: Callable[[str, object], None]
) -> None:
    if not containers.get("api", "/health")["model_loaded"]:
        assert containers.run_day(batch=1).state == "COMPLETED"
    api = ApiAddress(urlsplit(containers.addresses["api"]).port or 0)
    before, statuses = state_of(containers), []

    def run(attack: Callable[[ApiAddress], list[str]]) -> None:
        statuses.extend(attack(api))

    with probing(api) as probes:
        threads = [Thread(target=run, args=(attack,)) for attack in ALL]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(probes[0])
    assert before[0] == 768 * 2**20
    assert state_of(containers) == before
    assert set(probes[0].statuses) == {"200"}
    assert "200" not in statuses
    record_property("answer", "others are served")
