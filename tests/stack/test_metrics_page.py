"""docs/metrics.md agrees with the code, and its equivalents with the parts of the original."""

import re
import tomllib
from pathlib import Path

import pytest

from readmit.core.pushed_metrics import ALL_NAMES
from tests.stack.promql import our_metrics
from tools.metrics_page import IN_THE_ORIGINAL, INFRASTRUCTURE, all_metrics, page

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
THE_ORIGINAL = tomllib.loads(Path(__file__).with_name("the_original.toml").read_text(encoding="utf-8"))
SUFFIXES = re.compile(r"_(bucket|sum|count|created)$")
METRICS = {metric.name: metric for metric in all_metrics()}


def test_the_page_is_generated_from_the_code() -> None:
    assert page() == TEXT, "docs/metrics.md is out of date: just ops::metrics-page"


def test_the_page_has_one_row_for_each_metric_that_is_exported_or_pushed() -> None:
    rows = re.findall(r"^\| `(readmit_\w+)` \|", TEXT, re.MULTILINE)
    assert len(rows) == len(set(rows)) == len(METRICS)
    exported = {SUFFIXES.sub("", name.removesuffix("_created")) for name in our_metrics()}
    # The name of a counter's `_created` lacks the end of the counter's own name.
    assert {name.removesuffix("_total") for name in rows} == {name.removesuffix("_total") for name in exported}
    assert set(rows) >= ALL_NAMES


def test_a_row_has_the_type_the_labels_and_the_unit() -> None:
    rows = {cells[1].strip(" `"): [cell.strip() for cell in cells[2:-1]] for cells in map(split, TEXT.splitlines())}
    assert rows["readmit_http_requests_total"][:3] == ["counter", "`route`, `method`, `status`", "number"]
    assert rows["readmit_prediction_duration_seconds"][:3] == ["histogram", "`route`", "seconds"]
    assert rows["readmit_step_peak_memory_bytes"][:3] == ["gauge", "`step`", "bytes"]
    assert rows["readmit_run_failed_timestamp_seconds"][:3] == ["gauge", "`run`", "seconds since 1970"]
    assert rows["readmit_model_promoted_timestamp_seconds"][:3] == ["gauge", "`cause`", "seconds since 1970"]
    assert rows["readmit_candidate_metric"][:3] == ["gauge", "`candidate`, `metric`", "number"]


def split(line: str) -> list[str]:
    """Return the cells of a line of a table, and of any other line at least two."""
    return line.split("|") if line.startswith("|") else ["", line, ""]


def test_every_metric_of_the_original_has_an_equivalent() -> None:
    parts = {part.strip("`") for part in THE_ORIGINAL["Inference API"]}
    theirs = {part for part in parts if re.fullmatch(r"(predictions?|fastapi|infra)_\w+", part)}
    assert set(IN_THE_ORIGINAL.values()) | INFRASTRUCTURE.keys() == theirs
    assert METRICS.keys() >= IN_THE_ORIGINAL.keys()


@pytest.mark.parametrize("name", METRICS)
def test_a_help_text_is_a_short_sentence(name: str) -> None:
    assert re.fullmatch(r"[A-Z1][^\n|]{8,119}\.", METRICS[name].description)


@pytest.mark.parametrize("readme", ["README.md", "README.es.md"])
def test_the_readme_links_to_it(readme: str) -> None:
    assert "](docs/metrics.md)" in (ROOT / readme).read_text(encoding="utf-8")
