"""Each alert has a severity, a summary, a runbook and unit tests, and reads metrics that exist."""

import re
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest
import yaml

from readmit.core.cleaning import MAX_QUARANTINED_SHARE
from readmit.pipeline import STEPS
from tests.stack.compose_files import ROOT
from tests.stack.promql import THIRD_PARTY_METRICS, metrics_in, our_metrics
from tools.runbooks_page import SOURCE, page

RULES = {
    rule["alert"]: rule
    for group in yaml.safe_load((ROOT / "grafana/rules.yml").read_text())["groups"]
    for rule in group["rules"]
}
PAGE = ROOT / "grafana/consoles/runbooks.html"
RUNBOOKS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", SOURCE.read_text(), re.M | re.S))
PARTS = ("What it means.", "What to look at.", "What to do.", "Tried.")
TEST_FILES = sorted((ROOT / "tests/e2e/rules").glob("*.yml"))
EXTERNAL_URL = "http://127.0.0.1:9090"


def expectations() -> dict[str, list[list[bool]]]:
    """Return for each alert its test groups: whether it fires, at the times of the group in order."""
    groups = defaultdict(list)
    for test in (test for file in TEST_FILES for test in yaml.safe_load(file.read_text())["tests"]):
        by_alert: dict[str, list[tuple[float, bool]]] = defaultdict(list)
        for case in test["alert_rule_test"]:
            by_alert[case["alertname"]].append((minutes(case["eval_time"]), bool(case.get("exp_alerts"))))
        for alert, cases in by_alert.items():
            groups[alert].append([fires for _, fires in sorted(cases)])
    return dict(groups)


def minutes(duration: str) -> float:
    factors = {"d": 1440, "h": 60, "m": 1, "s": 1 / 60}
    return sum(int(number) * factors[unit] for number, unit in re.findall(r"(\d+)([dhms])", duration))


def cases() -> list[dict[str, Any]]:
    """Return the expected alerts of all test files."""
    tests = [test for file in TEST_FILES for test in yaml.safe_load(file.read_text())["tests"]]
    return [
        {"alert": case["alertname"], **expected}
        for test in tests
        for case in test["alert_rule_test"]
        for expected in case.get("exp_alerts") or []
    ]


def test_the_alerts_are_those_with_unit_tests() -> None:
    assert set(expectations()) == set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_an_alert_is_tested_before_it_fires_while_it_fires_and_after(name: str) -> None:
    """A group whose times go from silent to firing, and one (the same or another) whose times go back to silent."""
    changes = {change for group in expectations()[name] for change in pairwise(group)}
    assert (False, True) in changes, "no test lets it begin to fire"
    assert (True, False) in changes, "no test lets it end"


@pytest.mark.parametrize("name", RULES)
def test_an_alert_is_tested_with_a_situation_in_which_it_stays_silent(name: str) -> None:
    assert [group for group in expectations()[name] if not any(group)]


@pytest.mark.parametrize("name", RULES)
def test_an_expected_alert_links_to_the_section_of_its_runbook(name: str) -> None:
    links = {case["exp_annotations"]["runbook_url"] for case in cases() if case["alert"] == name}
    assert links == {f"{EXTERNAL_URL}/consoles/runbooks.html#{name}"}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_reads_existing_metrics(name: str) -> None:
    metrics = metrics_in(RULES[name]["expr"])
    assert metrics
    assert metrics <= our_metrics() | set(THIRD_PARTY_METRICS)


@pytest.mark.parametrize("name", RULES)
def test_an_alert_has_a_delay_a_severity_and_a_summary_of_one_sentence(name: str) -> None:
    rule = RULES[name]
    assert re.fullmatch(r"\d+[mh]", rule["for"])
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert re.fullmatch(r"[^\n]{20,150}[^.]\.", rule["annotations"]["summary"])


@pytest.mark.parametrize("name", RULES)
def test_an_alert_links_to_its_section_of_the_runbooks(name: str) -> None:
    assert RULES[name]["annotations"]["runbook_url"] == f"{{{{ $externalURL }}}}/consoles/runbooks.html#{name}"
    assert f'<h2 id="{name}">' in PAGE.read_text()


@pytest.mark.parametrize("name", RULES)
def test_a_runbook_has_its_four_parts_in_order(name: str) -> None:
    assert tuple(re.findall(r"^\*\*(.+?)\*\*", RUNBOOKS[name], re.MULTILINE)) == PARTS


def test_every_runbook_belongs_to_an_alert() -> None:
    general = {"From an alert to the request or step", "Receive alerts"}
    assert RUNBOOKS.keys() - general == RULES.keys()


def test_the_page_of_the_runbooks_is_generated_from_the_document() -> None:
    assert page(SOURCE.read_text()) == PAGE.read_text(), "it is out of date: just ops::runbooks"


def test_every_link_within_the_page_leads_to_a_section() -> None:
    text = PAGE.read_text()
    ids = set(re.findall(r' id="([^"]+)"', text))
    links = re.findall(r'href="([^"]+)"', text)
    assert len(links) > 5
    assert {link.removeprefix("#") for link in links if link.startswith("#")} <= ids
    assert {link for link in links if not link.startswith("#")} == {f"{EXTERNAL_URL}/consoles/runbooks.html"}


def test_a_text_that_prometheus_would_take_for_a_template_is_rejected() -> None:
    with pytest.raises(ValueError, match="runbooks.md contains {{"):
        page("Send {{ .CommonAnnotations.summary }}.")


@pytest.mark.parametrize("command", sorted(set(re.findall(r"\bjust ([a-z][\w:-]*)", SOURCE.read_text()))))
def test_a_recipe_in_the_runbooks_exists(command: str) -> None:
    module, _, name = command.rpartition("::")
    text = (ROOT / {"": "justfile", "ops": "compose/ops.just"}[module]).read_text()
    assert re.search(rf"^{re.escape(name)}(?: [^:\n]*)?:(?!=)", text, re.MULTILINE)


def test_a_failed_step_raises_an_alert_only_after_the_delay_before_its_retry() -> None:
    (seconds,) = re.findall(r"time\(\) - (\d+)", RULES["DayFailed"]["expr"])
    assert float(seconds) > max(step.retry_delay_seconds for step in STEPS)


def test_quarantine_raises_an_alert_before_a_batch_is_rejected() -> None:
    threshold = float(RULES["QuarantineHigh"]["expr"].rpartition(">")[2])
    assert threshold < MAX_QUARANTINED_SHARE
