"""`just demo` on the sample: announced, repeated, interrupted, refused."""

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded import proxy_recorder
from tests.embedded.demos import StrangeNumbers, check_page, check_report, ended, left_of, run, start


@pytest.fixture
def proxy() -> Iterator[dict[str, str]]:
    """Variables of a proxy through which nothing gets out; at the end nothing has tried to."""
    with proxy_recorder.recording() as (variables, seen):
        yield variables
        assert seen == [], "a request to the outside"


def test_with_nothing_to_download_the_sample_is_announced_and_a_second_run_finds_nothing_new(
    tmp_path: Path, proxy: dict[str, str], strange_numbers: StrangeNumbers
) -> None:
    own = {"READMIT_SOURCE_DOWNLOAD_URL": "", "READMIT_DATA": "", **proxy}
    said, first = run(tmp_path, **own)
    assert "synthetic sample" in said
    assert re.search(r"2 batches: 2 of them to do, which takes (about|less than) ", said), (
        "it says how long it will take"
    )
    assert re.search(r"batch 1 of 2 · done; 15,000 of 30,000 encounters so far, .* left", said)
    assert (first["data"]["source"], first["data"]["rows"], first["new_days"]) == ("sample", 30_000, 2)
    check_report(first)
    check_page(tmp_path, first, strange_numbers)
    said, second = run(tmp_path, **own)
    assert "Nothing new" in said
    assert "READMIT_TARGET" not in said
    assert second["new_days"] == 0
    check_page(tmp_path, second, strange_numbers)
    for part in ("data", "rows", "candidates", "production", "days"):
        assert second[part] == first[part], part
    assert left_of(tmp_path) == []


def test_ctrl_c_stops_all_that_was_started_though_the_terminal_is_closed_meanwhile(
    tmp_path: Path, sample: Path
) -> None:
    demo = start(tmp_path, READMIT_DATA=str(sample))
    deadline = time.monotonic() + 60
    while "flow" not in {file.stem for file in tmp_path.glob("var/demo/*/processes/*.mark")}:
        assert demo.poll() is None, "the demo ended by itself"
        assert time.monotonic() < deadline, "the flow was not started"
        time.sleep(0.1)
    demo.send_signal(signal.SIGINT)
    time.sleep(0.5)
    demo.send_signal(signal.SIGHUP)
    said = ended(demo, 60)
    assert demo.returncode == 130
    assert "stopping" in said
    assert "all that was started is stopped" in said
    assert left_of(tmp_path) == []


def test_a_source_that_can_not_be_opened_ends_the_demo_with_its_reason(tmp_path: Path) -> None:
    stale = [tmp_path / "var/demo" / name for name in ("report.json", "results.html")]
    stale[0].parent.mkdir(parents=True)
    for file in stale:
        file.write_text("{}")
    demo = start(tmp_path, READMIT_DATA=str(tmp_path / "nowhere.csv"))
    said = ended(demo, 60)
    assert demo.returncode == 1
    assert "READMIT_DATA" in said
    assert "Traceback" not in said
    assert not any(file.exists() for file in stale), "a run that fails leaves no report of an earlier one"
    assert left_of(tmp_path) == []
