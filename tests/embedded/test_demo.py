"""`just demo` on the sample: announced, repeated, interrupted, rejected."""

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded import proxy_recorder
from tests.embedded.demos import UnknownNumbers, check_page, check_report, leftover_processes, output_of, run, start
from tests.unusual_paths import UNUSUAL_NAME

ELSEWHERE = {
    **dict.fromkeys(("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), "/nonexistent"),
    **dict.fromkeys(("AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), "/nonexistent"),
    **dict.fromkeys(("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_EC2"), "http://127.0.0.1:9"),
    **dict.fromkeys(("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "PREFECT_API_URL"), "nonsense"),
    **{"AWS_PROFILE": "absent", "AWS_SESSION_TOKEN": "another", "AWS_DEFAULT_REGION": "no region"},
    **{"AWS_USE_FIPS_ENDPOINT": "true", "MLFLOW_RUN_ID": "absent", "PREFECT_PROFILE": "absent"},
}
"""Variables of the shell that would break the demo if one of its processes heeded them."""


@pytest.fixture
def proxy() -> Iterator[dict[str, str]]:
    """Variables of a proxy that blocks every request, and of what else leads connections elsewhere.

    At the end nothing has tried the proxy.
    """
    with proxy_recorder.record_requests() as (variables, requests):
        yield {**variables, **ELSEWHERE}
        assert requests == [], "a request to the outside"


def test_with_nothing_to_download_the_sample_is_announced_and_a_second_run_finds_nothing_new(
    tmp_path: Path, proxy: dict[str, str], find_unknown_numbers: UnknownNumbers
) -> None:
    folder = tmp_path / UNUSUAL_NAME
    folder.mkdir()
    extra = {"READMIT_SOURCE_DOWNLOAD_URL": "", "READMIT_DATA": "", **proxy}
    output, first = run(folder, **extra)
    assert "synthetic sample" in output
    assert re.search(r"2 batches: 2 to process, which takes (about|less than) ", output), "the duration is announced"
    assert re.search(r"batch 1 of 2 · done; 15,000 of 30,000 encounters so far, .* left", output)
    assert (first["data"]["source"], first["data"]["rows"], first["new_days"]) == ("sample", 30_000, 2)
    check_report(first)
    check_page(folder, first, find_unknown_numbers)
    output, second = run(folder, **extra)
    assert "No new batches" in output
    assert "READMIT_TARGET" not in output
    assert second["new_days"] == 0
    check_page(folder, second, find_unknown_numbers)
    for part in ("data", "rows", "candidates", "production", "days"):
        assert second[part] == first[part], part
    assert leftover_processes(folder) == []


def test_ctrl_c_stops_all_services_although_the_terminal_is_closed_meanwhile(tmp_path: Path, sample: Path) -> None:
    demo = start(tmp_path, READMIT_DATA=str(sample))
    deadline = time.monotonic() + 60
    while "flow" not in {file.stem for file in tmp_path.glob("var/demo/*/processes/*.mark")}:
        assert demo.poll() is None, "the demo exited by itself"
        assert time.monotonic() < deadline, "the flow was not started"
        time.sleep(0.1)
    demo.send_signal(signal.SIGINT)
    time.sleep(0.5)
    demo.send_signal(signal.SIGHUP)
    output = output_of(demo, 60)
    assert demo.returncode == 130
    assert "stopping" in output
    assert "all services are stopped" in output
    assert leftover_processes(tmp_path) == []


def test_a_source_that_cannot_be_opened_ends_the_demo_with_the_reason(tmp_path: Path) -> None:
    stale = [tmp_path / "var/demo" / name for name in ("report.json", "results.html")]
    stale[0].parent.mkdir(parents=True)
    for file in stale:
        file.write_text("{}")
    demo = start(tmp_path, READMIT_DATA=str(tmp_path / "nowhere.csv"))
    output = output_of(demo, 60)
    assert demo.returncode == 1
    assert "READMIT_DATA" in output
    assert "Traceback" not in output
    assert not any(file.exists() for file in stale), "a failed run leaves no report of an earlier one"
    assert leftover_processes(tmp_path) == []
