import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from readmit.core.cleaning import FAULTS_SCHEMA
from readmit.core.promotion_verdict import EarlierModels, judge
from readmit.core.quarantine_reasons import INVALID_NUMBER
from readmit.core.verdict import Verdict
from readmit.core.version import Version
from readmit.embedded.exclusions import MAX_REASONS
from readmit.embedded.report import Report, build_report
from readmit.embedded.results_page import render_page
from readmit.embedded.summary import settings_mismatch
from readmit.io.database import ledger, promotions, prospective_results, rows
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.io.registry.experiment_runs import ExperimentRuns
from readmit.io.source_client import SourceState
from readmit.settings import Settings
from tests.made_predictions import GOOD, MEDIOCRE, held_out, predictions
from tests.prospective_examples import evaluation_on

SOURCE = SourceState("file", rows=2, batches=2, released=2, exhausted=True)
VERSION = Version("3", "lightgbm", "any", 0.5, batch=2, snapshot="s", code="c", run_id="r")


@pytest.fixture(autouse=True)
def stores(tmp_path: Path) -> None:
    connect(f"sqlite:///{tmp_path / 'db'}")
    migrate()


def record_step(step: str, batch: int, facts: Mapping[str, object], seconds: float = 1.0) -> None:
    ledger.update_batch(batch, rows=1)
    ledger.finish_step(ledger.start_step("run", step, batch), batch, seconds, facts)


def record_training(batch: int, roc_auc: float, target: str = "any") -> None:
    record_step(
        "train", batch, {"snapshot": "s", "target": target, "lightgbm.roc_auc": roc_auc, "lightgbm.brier": math.nan}
    )


def verdict_on(version: str) -> Verdict:
    return judge(held_out("any"), predictions(GOOD, version), EarlierModels(None, None), 1, seed=1, resamples=50)


def make_report(production: Version | None = None, requested_target: str = "any") -> Report:
    """The report, from stores whose runs have nothing in a registry."""
    return build_report(
        SOURCE, requested_target, production, None, 1, False, None, ExperimentRuns("http://127.0.0.1:9"), 1.0
    )


def test_candidates_are_those_of_the_last_batch_not_of_the_last_attempt() -> None:
    for batch, roc_auc in [(1, 0.60), (2, 0.65), (2, 0.66), (1, 0.61)]:
        record_training(batch, roc_auc)
    (candidate,) = make_report().candidates
    assert (candidate.batch, candidate.figures["roc_auc"]) == (2, 0.66)


def test_trainings_and_verdicts_for_another_target_are_not_in_the_report() -> None:
    for version, (target, roc_auc) in enumerate([("within_30_days", 0.66), ("any", 0.70)], start=1):
        record_training(2, roc_auc, target)
        record_step("register", 2, {"version": str(version), "candidate": "lightgbm"})
        promotions.store_verdict(2, target, verdict_on(str(version)))
        record_step("promote", 2, {"version": str(version)})
    for target, version, roc_auc in [("within_30_days", "1", 0.66), ("any", "2", 0.70)]:
        result = make_report(requested_target=target)
        (candidate,), (day,) = result.candidates, result.days
        assert (candidate.figures["roc_auc"], candidate.chosen) == (roc_auc, True)
        assert (day.version, day.candidate) == (version, "lightgbm")


def test_the_seconds_of_a_day_are_those_of_each_steps_last_attempt_and_add_up() -> None:
    for step, seconds in [("fetch", 1.0), ("clean", 2.0), ("fetch", 4.0)]:
        record_step(step, 1, {}, seconds)
    result = make_report()
    assert result.days[0].seconds == result.seconds_by_step == {"fetch": 4.0, "clean": 2.0}
    assert result.days[0].seconds_of_steps == result.seconds_of_steps == 6.0


def test_the_interval_of_the_model_in_production_is_that_of_its_last_evaluation() -> None:
    promotions.store_verdict(1, "any", verdict_on("3"))
    earlier = EarlierModels(predictions(MEDIOCRE, "3"), None)
    later = judge(held_out("any"), predictions(GOOD, "4"), earlier, 2, seed=1, resamples=50)
    promotions.store_verdict(2, "any", later)
    production = make_report(VERSION).production
    assert production is not None
    assert later.rival_roc_auc is not None
    assert (production.test["roc_auc_low"], production.test["roc_auc_high"]) == (
        later.rival_roc_auc.low,
        later.rival_roc_auc.high,
    )
    assert Verdict.from_json(later.to_json()) == later


def test_figures_on_later_batches_are_those_of_the_reports_target_oldest_first() -> None:
    for batch, target in ((2, "any"), (3, "within_30_days"), (4, "any")):
        prospective_results.store_evaluation(evaluation_on(batch, target), "0" * 64)
    first, last = make_report().prospective
    assert (first.batch, last.batch, last.version, last.trained_on) == (2, 4, "3", 3)
    assert (last.figures["ppv"], last.figures["ppv_low"]) == (0.1987, 0.1823)
    assert last.figures["base_rate"] == 1_604 / 14_996
    assert last.of_100 is not None
    assert sum(last.of_100.values()) == 100


def test_the_model_in_production_carries_the_verdicts_up_to_its_last_evaluation() -> None:
    for version, rival in (("2", None), ("3", "2"), ("4", "3"), ("5", "3")):
        promotions.store_verdict(int(version), "any", replace(verdict_on(version), rival=rival))
    promotions.store_verdict(9, "within_30_days", verdict_on("6"))
    production = make_report(VERSION).production
    assert production is not None
    assert (production.tested_on_batch, production.consulted) == (5, 4)


def test_quarantine_is_listed_by_reason_over_all_batches_without_encounter_numbers() -> None:
    for batch, reasons in [(1, ["'x' is not one of No, Yes", "'7' is no code"]), (2, ["'x' is not one of No, Yes"])]:
        ledger.update_batch(batch, rows=9)
        faults = [(index, "424242424", "change", reason) for index, reason in enumerate(reasons)]
        faults.append((7, "424242424", "encounter_id", "'424242424 ' is not a whole number of 0 or more"))
        rows.replace_quarantine(batch, pl.DataFrame(faults, FAULTS_SCHEMA, orient="row"))
    listed = [(item.field, item.reason, item.encounters) for item in make_report().quarantine]
    assert listed == [
        ("change", "'x' is not one of No, Yes", 2),
        ("encounter_id", INVALID_NUMBER, 2),
        ("change", "'7' is no code", 1),
    ]


def test_rare_reasons_are_summed_up() -> None:
    faults = [(index, None, "payer_code", f"'{index}' is not a payer code") for index in range(MAX_REASONS + 5)]
    ledger.update_batch(1, rows=99)
    rows.replace_quarantine(1, pl.DataFrame(faults, FAULTS_SCHEMA, orient="row"))
    *listed, rest = make_report().quarantine
    assert (len(listed), rest.field, rest.encounters) == (MAX_REASONS, "", 5)


def test_an_undefined_figure_is_null_in_the_report() -> None:
    record_training(1, 0.60)
    promotions.store_verdict(2, "any", replace(verdict_on("3"), figures={"recall": 0.4, "roc_auc": math.nan}))
    parsed = json.loads(make_report(VERSION).to_json(), parse_constant=pytest.fail)
    assert {"sensitivity": 0.4, "roc_auc": None}.items() <= parsed["production"]["test"].items()
    assert "recall" not in parsed["production"]["test"]
    assert parsed["production"]["of_100"] is None
    (candidate,) = parsed["candidates"]
    assert {"name": "lightgbm", "roc_auc": 0.6, "brier": None}.items() <= candidate.items()
    assert parsed["target"] == "any", "the target is that of the version in production"


@pytest.mark.parametrize(
    ("flagged", "ppv", "base_rate"), [(0.2244, 0.2162, 0.1102), (0.0, 0.0, 0.11), (0.004, 1.0, 0.006), (1.0, 0.5, 0.5)]
)
def test_a_hundred_discharges_add_up_and_agree_with_the_rounded_rates(
    flagged: float, ppv: float, base_rate: float
) -> None:
    figures = {"flagged": flagged, "precision": ppv, "base_rate": base_rate, "roc_auc": 0.7}
    promotions.store_verdict(2, "any", replace(verdict_on("3"), figures=figures))
    production = make_report(VERSION).production
    assert production is not None
    parts = production.of_100
    assert parts is not None
    assert min(parts.values()) >= 0
    assert sum(parts.values()) == 100
    assert parts["flagged_came_back"] + parts["flagged_stayed_away"] == round(100 * flagged)
    assert parts["flagged_came_back"] + parts["missed"] == round(100 * base_rate)


def test_the_page_is_rendered_from_the_written_report() -> None:
    figures = ("roc_auc", "pr_auc", "log_loss", "ece", "observed_expected", "base_rate", "fit_seconds")
    bounds = (f"{name}_{end}" for name in figures[:3] for end in ("low", "high"))
    record_step("train", 1, {"target": "any"} | {f"lightgbm.{name}": 0.5 for name in (*figures, *bounds)})
    promotions.store_verdict(2, "any", verdict_on("3"))
    assert "<h1>" in render_page(json.loads(make_report(VERSION).to_json()))
    assert "No model was good enough" in render_page(json.loads(make_report().to_json()))


@pytest.mark.parametrize(
    ("target", "cost_ratio", "differs"),
    [("any", None, False), ("any", 1.0, False), ("any", 3.0, True), ("within_30_days", 1.0, True)],
)
def test_settings_that_differ_from_the_version_in_production_are_reported(
    target: str, cost_ratio: float | None, differs: bool
) -> None:
    message = settings_mismatch(VERSION, Settings.model_validate({"target": target, "cost_ratio": cost_ratio}))
    assert (message is not None) == differs
    assert message is None or ("READMIT_TARGET" in message and "version 3" in message)
