"""The drill causes a fault for each alert that it lists, under the committed rules; `just ops::drill` runs it."""

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from ec2_api.sample import write_sample
from readmit.stacks.errors import StackError
from tests.drill import fault as fault_module
from tests.drill.__main__ import all_lanes, selected_lanes
from tests.drill.alerts import AlertMonitor, DrillError, ExpectedAlert
from tests.drill.drill_stack import BATCH_SIZE, BATCHES, RELEASE_SECONDS, DrillStack, damage_batch
from tests.drill.fault import Fault, Measurement
from tests.drill.lanes import Lane, run_lanes
from tests.drill.page import BEGIN, END, PAGE, replace_table, table
from tests.e2e.containers import Stack

ROOT = Path(__file__).parents[2]
DRILL_MINUTES = 90
RULES = {
    rule["alert"]: rule
    for group in yaml.safe_load((ROOT / "grafana/rules.yml").read_text())["groups"]
    for rule in group["rules"]
}
DRILL = DrillStack(Stack(None, {"api": "", "mlflow": ""}, ()), None)  # type: ignore[arg-type]  # nothing is called
FAULTS = [fault for lane in all_lanes(DRILL) for fault in lane.all_faults()]


def test_every_fault_expects_an_alert_of_the_rules() -> None:
    assert len(FAULTS) == 11
    assert {fault.expect.name for fault in FAULTS} <= set(RULES)


def test_the_page_names_each_alert_that_is_not_drilled_because_it_takes_too_long() -> None:
    text = PAGE.read_text().partition(BEGIN)[0]
    for name in ("BatchLate", "ModelStale", "DiskFillsSoon"):
        assert name in RULES
        assert name in text


def test_each_runbook_names_the_faults_of_the_drill_that_raise_its_alert() -> None:
    sections = re.split(r"^## ", (ROOT / "docs/runbooks.md").read_text(), flags=re.MULTILINE)
    named = {
        alert: set(re.findall(r"`(\w+)`", tried))
        for section in sections
        for alert, _, tried in [(section.partition("\n")[0], *section.partition("**Tried.** `just ops::drill`")[1:])]
        if tried
    }
    caused: dict[str, set[str]] = {}
    for fault in FAULTS:
        caused.setdefault(fault.expect.name, set()).add(type(fault).__name__)
    assert named == caused


def test_the_page_has_a_row_for_each_fault_that_was_drilled() -> None:
    measured = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    rows = re.findall(r"^\| (.+?) \| `(.+?)` \| \d+ \| \d+ \|$", measured, re.MULTILINE)
    assert sorted(rows) == sorted((fault.title, str(fault.expect)) for fault in FAULTS)


def test_the_source_still_releases_batches_at_the_end_of_the_drill() -> None:
    assert (BATCHES - 1) * RELEASE_SECONDS > DRILL_MINUTES * 60


@dataclass(frozen=True)
class FakeMonitor(AlertMonitor):
    """A monitor whose alerts fire while their fault is active."""

    active: set[str] = field(default_factory=set)
    log: list[str] = field(default_factory=list)

    def wait_until_arrived(self, alert: ExpectedAlert) -> None:
        if alert.name not in self.active:
            raise DrillError(f"{alert} did not fire")
        self.log.append(f"{alert} fired")

    def wait_until_clear(self, alert: ExpectedAlert) -> None:
        if alert.name in self.active:
            raise DrillError(f"{alert} did not clear")
        self.log.append(f"{alert} is clear")


def make_fault(monitor: FakeMonitor, name: str, works: bool = True) -> Fault:
    class Named(Fault):
        title = f"fault {name}"
        expect = ExpectedAlert(name)

        def inject(self) -> None:
            if works:
                monitor.active.add(name)

        def recover(self) -> None:
            monitor.active.discard(name)

        def finish(self) -> None:
            monitor.log.append(f"{name} finished")

    return Named()


@pytest.fixture
def monitor() -> FakeMonitor:
    return FakeMonitor(None)  # type: ignore[arg-type]  # no stack is needed


def test_a_fault_is_measured_from_its_injection_and_its_recovery(
    monitor: FakeMonitor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter((10.0, 70.0, 100.0, 130.0))
    monkeypatch.setattr(fault_module.time, "monotonic", lambda: next(clock))
    measured = Lane([make_fault(monitor, "A")]).run(monitor)
    assert measured == [Measurement("fault A", "A", 60.0, 30.0)]
    assert monitor.log == ["A is clear", "A fired", "A is clear", "A finished"]
    assert capsys.readouterr().out == "fault A: A fired after 60 s and cleared after 30 s\n"


def test_a_lasting_fault_ends_after_the_others_of_its_lane(monitor: FakeMonitor) -> None:
    lane = Lane([make_fault(monitor, "A"), make_fault(monitor, "B")], lasting=make_fault(monitor, "C"))
    assert [item.alert for item in run_lanes([lane], monitor)] == ["A", "B", "C"]
    assert monitor.log.index("C finished") > monitor.log.index("B finished")


def test_an_alert_that_does_not_fire_fails_the_drill_and_the_other_lanes_are_drilled(monitor: FakeMonitor) -> None:
    lanes = [Lane([make_fault(monitor, "A", works=False)]), Lane([make_fault(monitor, "B")])]
    with pytest.raises(ExceptionGroup) as caught:
        run_lanes(lanes, monitor)
    assert [str(error) for error in caught.value.exceptions] == ["A did not fire"]
    assert "B finished" in monitor.log


def test_faults_can_be_selected_by_the_names_of_their_classes(monitor: FakeMonitor) -> None:
    lanes = selected_lanes(all_lanes(DRILL), ["ApiStopped", "BatchesHeldBack"])
    assert [type(fault).__name__ for lane in lanes for fault in lane.all_faults()] == ["BatchesHeldBack", "ApiStopped"]
    with pytest.raises(StackError, match="^unknown fault Fire; known faults: AliasRemoved, ApiStopped, "):
        selected_lanes(all_lanes(DRILL), ["Fire"])
    assert selected_lanes([Lane([make_fault(monitor, "A")])], [])[0].all_faults()


def test_an_alert_is_recognized_by_its_name_and_its_labels() -> None:
    alert = ExpectedAlert("ServiceDown", {"job": "api"})
    assert alert.matches({"alertname": "ServiceDown", "job": "api", "severity": "critical"})
    assert not alert.matches({"alertname": "ServiceDown", "job": "mlflow"})
    assert not alert.matches({"alertname": "DayFailed", "job": "api"})
    assert str(alert) == "ServiceDown{job=api}"


def test_the_table_replaces_the_one_of_the_page_and_nothing_else() -> None:
    page, content = PAGE.read_text(), table([Measurement("fault", "A", 61.4, 9.6)], 80.0)
    assert "| fault | `A` | 61 | 10 |" in content
    assert replace_table(page, content) == f"{page.split(BEGIN)[0]}{BEGIN}{content}{END}{page.split(END)[1]}"


def test_the_damaged_batch_has_the_share_of_invalid_encounters_and_the_others_have_none(tmp_path: Path) -> None:
    file = tmp_path / "sample.csv"
    write_sample(file, rows=2 * BATCH_SIZE)
    before = file.read_text().splitlines()
    damage_batch(file, 2, 0.03)
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    damaged = [number for number, row in enumerate(rows) if row["race"] == "Martian"]
    assert damaged == list(range(BATCH_SIZE, BATCH_SIZE + 150))
    assert file.read_text().splitlines()[: BATCH_SIZE + 1] == before[: BATCH_SIZE + 1]
