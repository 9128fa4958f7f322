import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from readmit.core.cleaning import FAULTS_SCHEMA
from readmit.core.promotion_gates import Predictions, judge
from readmit.core.quarantine_reasons import NO_NUMBER
from readmit.core.verdict import Verdict
from readmit.core.version import Version
from readmit.embedded.exclusions import MOST_REASONS
from readmit.embedded.report import Report, report
from readmit.embedded.results_page import page
from readmit.embedded.summary import other_aim
from readmit.io.database import ledger, promotions, rows
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.io.registry.experiment_runs import ExperimentRuns
from readmit.io.source_client import SourceState
from readmit.settings import Settings

SOURCE = SourceState("file", rows=2, batches=2, released=2, exhausted=True)
VERSION = Version("3", "lightgbm", "any", 0.5, batch=2, snapshot="s", code="c", run_id="r")


@pytest.fixture(autouse=True)
def stores(tmp_path: Path) -> None:
    connect(f"sqlite:///{tmp_path / 'db'}")
    migrate()


def note(step: str, batch: int, facts: Mapping[str, object], seconds: float = 1.0) -> None:
    ledger.update_batch(batch, rows=1)
    ledger.end_step(ledger.begin_step("run", step, batch), batch, seconds, facts)


def note_training(batch: int, roc_auc: float, target: str = "any") -> None:
    note("train", batch, {"snapshot": "s", "target": target, "lightgbm.roc_auc": roc_auc, "lightgbm.brier": math.nan})


def verdict_on(version: str) -> Verdict:
    said = Predictions(version, 0.5, np.linspace(0.1, 0.9, 40))
    return judge("any", [0, 1] * 20, [str(patient) for patient in range(40)], said, None, seed=1)


def told(production: Version | None = None, asked_target: str = "any") -> Report:
    """The report, from stores whose runs keep nothing in a registry."""
    return report(SOURCE, asked_target, production, 1, False, None, ExperimentRuns("http://127.0.0.1:9"), 1.0)


def test_candidates_are_those_of_the_last_batch_not_of_the_last_attempt() -> None:
    for batch, roc_auc in [(1, 0.60), (2, 0.65), (2, 0.66), (1, 0.61)]:
        note_training(batch, roc_auc)
    (candidate,) = told().candidates
    assert (candidate.batch, candidate.figures["roc_auc"]) == (2, 0.66)


def test_what_was_trained_and_said_for_another_target_is_not_told() -> None:
    for version, (target, roc_auc) in enumerate([("within_30_days", 0.66), ("any", 0.70)], start=1):
        note_training(2, roc_auc, target)
        note("register", 2, {"version": str(version), "candidate": "lightgbm"})
        promotions.store(2, target, verdict_on(str(version)))
        note("promote", 2, {"version": str(version)})
    for target, version, roc_auc in [("within_30_days", "1", 0.66), ("any", "2", 0.70)]:
        said = told(asked_target=target)
        (candidate,), (day,) = said.candidates, said.days
        assert (candidate.figures["roc_auc"], candidate.chosen) == (roc_auc, True)
        assert (day.version, day.candidate) == (version, "lightgbm")


def test_the_seconds_of_a_day_are_those_of_each_steps_last_attempt_and_add_up() -> None:
    for step, seconds in [("fetch", 1.0), ("clean", 2.0), ("fetch", 4.0)]:
        note(step, 1, {}, seconds)
    said = told()
    assert said.days[0].seconds == said.seconds_by_step == {"fetch": 4.0, "clean": 2.0}
    assert said.days[0].seconds_of_steps == said.seconds_of_steps == 6.0


def test_the_interval_of_the_model_in_production_is_that_of_its_last_judgement() -> None:
    rival = Predictions("3", 0.5, np.linspace(0.2, 0.8, 40)[::-1])
    challenger = Predictions("4", 0.5, np.linspace(0.1, 0.9, 40))
    promotions.store(1, "any", verdict_on("3"))
    patients = [str(patient) for patient in range(40)]
    later = judge("any", [0, 1] * 20, patients, challenger, rival, seed=1)
    promotions.store(2, "any", later)
    production = told(VERSION).production
    assert production is not None
    assert later.rival_roc_auc is not None
    assert (production.test["roc_auc_low"], production.test["roc_auc_high"]) == (
        later.rival_roc_auc.low,
        later.rival_roc_auc.high,
    )
    assert Verdict.from_json(later.to_json()) == later


def test_quarantine_is_told_by_reason_over_all_batches_and_names_no_encounter() -> None:
    for batch, reasons in [(1, ["'x' is none of No, Yes", "'7' is no code"]), (2, ["'x' is none of No, Yes"])]:
        ledger.update_batch(batch, rows=9)
        faults = [(place, "424242424", "change", reason) for place, reason in enumerate(reasons)]
        faults.append((7, "424242424", "encounter_id", "'424242424 ' is not a whole number of 0 or more"))
        rows.replace_quarantine(batch, pl.DataFrame(faults, FAULTS_SCHEMA, orient="row"))
    said = [(fault.field, fault.reason, fault.encounters) for fault in told().quarantine]
    assert said == [
        ("change", "'x' is none of No, Yes", 2),
        ("encounter_id", NO_NUMBER, 2),
        ("change", "'7' is no code", 1),
    ]


def test_of_rare_reasons_the_sum_is_told() -> None:
    faults = [(place, None, "payer_code", f"'{place}' is not a payer's code") for place in range(MOST_REASONS + 5)]
    ledger.update_batch(1, rows=99)
    rows.replace_quarantine(1, pl.DataFrame(faults, FAULTS_SCHEMA, orient="row"))
    *chief, rest = told().quarantine
    assert (len(chief), rest.field, rest.encounters) == (MOST_REASONS, "", 5)


def test_a_figure_that_is_no_number_is_null_in_the_report() -> None:
    note_training(1, 0.60)
    promotions.store(2, "any", replace(verdict_on("3"), figures={"recall": 0.4, "roc_auc": math.nan}))
    read = json.loads(told(VERSION).to_json(), parse_constant=pytest.fail)
    assert {"sensitivity": 0.4, "roc_auc": None}.items() <= read["production"]["test"].items()
    assert "recall" not in read["production"]["test"]
    assert read["production"]["of_100"] is None
    (candidate,) = read["candidates"]
    assert {"name": "lightgbm", "roc_auc": 0.6, "brier": None}.items() <= candidate.items()
    assert read["target"] == "any", "the target is that of the version in production"


@pytest.mark.parametrize(
    ("flagged", "ppv", "base_rate"), [(0.2244, 0.2162, 0.1102), (0.0, 0.0, 0.11), (0.004, 1.0, 0.006), (1.0, 0.5, 0.5)]
)
def test_a_hundred_discharges_add_up_and_agree_with_the_rates_as_they_are_said(
    flagged: float, ppv: float, base_rate: float
) -> None:
    figures = {"flagged": flagged, "precision": ppv, "base_rate": base_rate, "roc_auc": 0.7}
    promotions.store(2, "any", replace(verdict_on("3"), figures=figures))
    production = told(VERSION).production
    assert production is not None
    parts = production.of_100
    assert parts is not None
    assert min(parts.values()) >= 0
    assert sum(parts.values()) == 100
    assert parts["flagged_came_back"] + parts["flagged_stayed_away"] == round(100 * flagged)
    assert parts["flagged_came_back"] + parts["missed"] == round(100 * base_rate)


def test_the_page_is_made_from_the_report_as_it_is_written() -> None:
    figures = ("roc_auc", "pr_auc", "log_loss", "ece", "observed_expected", "base_rate", "fit_seconds")
    bounds = (f"{name}_{end}" for name in figures[:3] for end in ("low", "high"))
    note("train", 1, {"target": "any"} | {f"lightgbm.{name}": 0.5 for name in (*figures, *bounds)})
    promotions.store(2, "any", verdict_on("3"))
    assert "<h1>" in page(json.loads(told(VERSION).to_json()))
    assert "No model was good enough" in page(json.loads(told().to_json()))


@pytest.mark.parametrize(
    ("target", "cost_ratio", "is_other"),
    [("any", None, False), ("any", 1.0, False), ("any", 3.0, True), ("within_30_days", 1.0, True)],
)
def test_settings_that_ask_for_what_production_is_not_for_are_told_so(
    target: str, cost_ratio: float | None, is_other: bool
) -> None:
    said = other_aim(VERSION, Settings.model_validate({"target": target, "cost_ratio": cost_ratio}))
    assert (said is not None) == is_other
    assert said is None or ("READMIT_TARGET" in said and "version 3" in said)
