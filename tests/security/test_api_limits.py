"""Attacks on the inference API below its framework, over sockets, against a real process."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest

from tests.api.conftest import FittedVersion, fit_version, served
from tests.security.api_attacks import (
    ALL,
    JSON,
    endless_header,
    endless_headers,
    slow_heads,
    stalled_uploads,
    status_of,
)
from tests.security.api_process import (
    PREDICT,
    ApiProcess,
    Probe,
    api_process,
    probing,
    record_peak_memory,
    request_head,
    send_bytes,
)

__all__ = ["served"]

MAX_BYTES = 768 * 2**20
MAX_MEDIAN_MILLISECONDS = 2_000
"""Limit of the median on a machine that runs other tests in parallel; `main` prints that of an idle one."""


@pytest.fixture(scope="module")
def api(served: FittedVersion, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    with api_process(tmp_path_factory.mktemp("api"), served) as process:
        yield process


CHUNKED = request_head("POST", "/predict", JSON, "Transfer-Encoding: chunked") + b"\r\n"
BOTH = request_head("POST", "/predict", "Transfer-Encoding: chunked", "Content-Length: 5") + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "answer"),
    [
        pytest.param(BOTH, "400", marks=pytest.mark.attack("request smuggling", "api")),
        pytest.param(CHUNKED + b"f" * 40 + b"\r\n", "400", marks=pytest.mark.attack("request smuggling", "api")),
        pytest.param(CHUNKED + b"1;" + b"a" * 200_000, "431", marks=pytest.mark.attack("endless headers", "api")),
        pytest.param(
            CHUNKED + b"1\r\n{\r\n0\r\nX: " + b"a" * 700_000, "431", marks=pytest.mark.attack("endless headers", "api")
        ),
        pytest.param(
            request_head("GET", "/", *(f"X-{n}: 1" for n in range(200))) + b"\r\n",
            "431",
            marks=pytest.mark.attack("endless headers", "api"),
        ),
        pytest.param(
            request_head("GET", "/", "X: " + "a" * 33_000) + b"\r\n",
            "431",
            marks=pytest.mark.attack("endless headers", "api"),
        ),
        pytest.param(b"GET /metrics HTTP/1.1\r\n\r\n", "400", marks=pytest.mark.attack("foreign Host", "api")),
    ],
)
def test_a_request_with_deceptive_framing_is_rejected(
    api: ApiProcess, request_bytes: bytes, answer: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("answer", answer)
    with api.connect() as connection:
        send_bytes(connection, request_bytes)
        assert status_of(connection.recv(65_536)) == answer


def under_attack(api: ApiProcess, *attacks: Callable[[ApiProcess], list[str]]) -> tuple[list[str], Probe, int]:
    """Return the attackers' statuses, the results of a client of /predict meanwhile, and the peak memory."""
    statuses: list[str] = []
    with probing(api) as probes, record_peak_memory(api) as peak:
        threads = [Thread(target=lambda attack=attack: statuses.extend(attack(api))) for attack in attacks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return statuses, probes[0], peak[0]


@pytest.mark.parametrize(
    ("attack", "answers"),
    [
        pytest.param(endless_header, {"431"}, marks=pytest.mark.attack("endless headers", "api")),
        pytest.param(endless_headers, {"431"}, marks=pytest.mark.attack("endless headers", "api")),
        pytest.param(slow_heads, {"408"}, marks=pytest.mark.attack("slow headers", "api")),
        pytest.param(stalled_uploads, {"408", "503"}, marks=pytest.mark.attack("stalled bodies", "api")),
    ],
)
def test_an_attack_on_memory_and_time_is_rejected_while_predictions_continue(
    api: ApiProcess,
    attack: Callable[[ApiProcess], list[str]],
    answers: set[str],
    record_property: Callable[[str, object], None],
) -> None:
    statuses, probe, peak = under_attack(api, attack)
    record_property("answer", ", ".join(sorted(answers)))
    print(attack.__name__, probe, f"{peak / 2**20:.0f} MiB")
    assert set(statuses) <= answers
    assert set(probe.statuses) == {"200"}
    assert peak < MAX_BYTES
    assert probe.p50 < MAX_MEDIAN_MILLISECONDS


@pytest.mark.attack("stalled bodies", "api")
def test_the_api_survives_all_attacks_at_once(api: ApiProcess) -> None:
    _, probe, peak = under_attack(api, *ALL)
    print("all", probe, f"{peak / 2**20:.0f} MiB")
    assert set(probe.statuses) == {"200"}
    assert peak < MAX_BYTES
    assert api.process.poll() is None
    time.sleep(3)
    answer = api.exchange(
        request_head("POST", "/predict", JSON, f"Content-Length: {len(PREDICT)}", "Connection: close")
        + b"\r\n"
        + PREDICT
    )
    assert status_of(answer) == "200"


def main() -> None:
    """`python -m tests.security.test_api_limits`: print the results of a client of /predict, idle and under attack."""
    with TemporaryDirectory() as folder, api_process(Path(folder), fit_version("lightgbm", n_estimators=20)) as api:
        with probing(api) as idle:
            time.sleep(5)
        print("idle    ", idle[0])
        for attacks in ((endless_header,), (endless_headers,), (slow_heads,), (stalled_uploads,), ALL):
            statuses, probe, peak = under_attack(api, *attacks)
            names = ", ".join(attack.__name__ for attack in attacks)
            print(names, Counter(statuses), probe, f"{peak / 2**20:.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
