"""Attacks on the inference API below its framework: a real process, over sockets."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest

from tests.api.conftest import Made, _made, served
from tests.security.api_attacks import (
    ALL,
    JSON,
    endless_header,
    endless_headers,
    slow_heads,
    stalled_uploads,
    status,
)
from tests.security.api_process import (
    PREDICT,
    ApiProcess,
    Probe,
    api_process,
    head,
    probing,
    send,
    watching_memory,
)

__all__ = ["served"]

MOST_BYTES = 768 * 2**20
MOST_MILLISECONDS = 2_000
"""Of the median, on a machine that runs other tests at the same time; `main` here prints what a quiet one takes."""


@pytest.fixture(scope="module")
def api(served: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    with api_process(tmp_path_factory.mktemp("api"), served) as process:
        yield process


CHUNKED = head("POST", "/predict", JSON, "Transfer-Encoding: chunked") + b"\r\n"
BOTH = head("POST", "/predict", "Transfer-Encoding: chunked", "Content-Length: 5") + b"\r\n0\r\n\r\n"


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
            head("GET", "/", *(f"X-{n}: 1" for n in range(200))) + b"\r\n",
            "431",
            marks=pytest.mark.attack("endless headers", "api"),
        ),
        pytest.param(
            head("GET", "/", "X: " + "a" * 33_000) + b"\r\n", "431", marks=pytest.mark.attack("endless headers", "api")
        ),
        pytest.param(b"GET /metrics HTTP/1.1\r\n\r\n", "400", marks=pytest.mark.attack("foreign Host", "api")),
    ],
)
def test_a_request_that_is_framed_to_deceive_is_refused(
    api: ApiProcess, request_bytes: bytes, answer: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("answer", answer)
    with api.connect() as connection:
        send(connection, request_bytes)
        assert status(connection.recv(65_536)) == answer


def under_attack(api: ApiProcess, *attacks: Callable[[ApiProcess], list[str]]) -> tuple[list[str], Probe, int]:
    """Return the statuses that the attackers got, what a client of /predict saw meanwhile, and the highest memory."""
    statuses: list[str] = []
    with probing(api) as found, watching_memory(api) as highest:
        threads = [Thread(target=lambda attack=attack: statuses.extend(attack(api))) for attack in attacks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return statuses, found[0], highest[0]


@pytest.mark.parametrize(
    ("attack", "answers"),
    [
        pytest.param(endless_header, {"431"}, marks=pytest.mark.attack("endless headers", "api")),
        pytest.param(endless_headers, {"431"}, marks=pytest.mark.attack("endless headers", "api")),
        pytest.param(slow_heads, {"408"}, marks=pytest.mark.attack("slow heads", "api")),
        pytest.param(stalled_uploads, {"408", "503"}, marks=pytest.mark.attack("stalled bodies", "api")),
    ],
)
def test_an_attack_on_memory_and_patience_is_refused_while_predictions_go_on(
    api: ApiProcess,
    attack: Callable[[ApiProcess], list[str]],
    answers: set[str],
    record_property: Callable[[str, object], None],
) -> None:
    statuses, probe, highest = under_attack(api, attack)
    record_property("answer", ", ".join(sorted(answers)))
    print(attack.__name__, probe, f"{highest / 2**20:.0f} MiB")
    assert set(statuses) <= answers
    assert set(probe.statuses) == {"200"}
    assert highest < MOST_BYTES
    assert probe.p50 < MOST_MILLISECONDS


@pytest.mark.attack("stalled bodies", "api")
def test_all_attacks_at_once_leave_the_api_alive(api: ApiProcess) -> None:
    _, probe, highest = under_attack(api, *ALL)
    print("all", probe, f"{highest / 2**20:.0f} MiB")
    assert set(probe.statuses) == {"200"}
    assert highest < MOST_BYTES
    assert api.process.poll() is None
    time.sleep(3)
    answer = api.exchange(
        head("POST", "/predict", JSON, f"Content-Length: {len(PREDICT)}", "Connection: close") + b"\r\n" + PREDICT
    )
    assert status(answer) == "200"


def main() -> None:
    """`python -m tests.security.test_api_limits`: what a client of /predict sees, quiet and under all attacks."""
    with TemporaryDirectory() as folder, api_process(Path(folder), _made("lightgbm", n_estimators=20)) as api:
        with probing(api) as quiet:
            time.sleep(5)
        print("quiet   ", quiet[0])
        for attacks in ((endless_header,), (endless_headers,), (slow_heads,), (stalled_uploads,), ALL):
            statuses, probe, highest = under_attack(api, *attacks)
            names = ", ".join(attack.__name__ for attack in attacks)
            print(names, Counter(statuses), probe, f"{highest / 2**20:.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
