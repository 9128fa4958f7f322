"""The demo's report, from the ledger and the registry; the results page is rendered from it."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from readmit.core.evaluation import VersionEvaluation
from readmit.core.metrics import CONFIDENCE_LEVEL, RESAMPLES_FOR_CANDIDATE, RESAMPLES_FOR_VERDICT
from readmit.core.promotion_gates import MAX_PLAUSIBLE_AUC, MIN_AUC_CHANGE, MIN_FIRST_AUC
from readmit.core.splitting import Split
from readmit.core.suppression import MIN_CELL_SIZE
from readmit.core.verdict import Curves, Interval, finite_or_none
from readmit.core.version import MODEL, Version
from readmit.embedded.candidate_results import CandidateResult, candidate_results
from readmit.embedded.day_results import DayResult, day_results, rows_by_stage, seconds_by_step, verdicts_for
from readmit.embedded.exclusions import ExclusionReason, exclusion_reasons, quarantine_reasons
from readmit.embedded.later_batches import (
    CLINICAL_NAMES,
    LaterBatchResult,
    cost_ratio,
    hundred_discharges,
    later_batch_results,
)
from readmit.io.database import ledger, promotions
from readmit.io.registry.experiment_runs import ExperimentRuns
from readmit.io.source_client import SourceState

MEASUREMENT = {
    "level": CONFIDENCE_LEVEL,
    "resamples_for_candidate": RESAMPLES_FOR_CANDIDATE,
    "resamples_for_verdict": RESAMPLES_FOR_VERDICT,
    "importances": 15,
    "smallest_count": MIN_CELL_SIZE,
}
"""How the figures were measured; `importances`: how many fields the page shows, the most important ones."""
GATES = {"first_roc_auc_above": MIN_FIRST_AUC, "roc_auc_may_fall": -MIN_AUC_CHANGE}
CURVE_POINT = re.compile(r"\[\s+(-?[\d.e-]+),\s+(-?[\d.e-]+)\s+\]")


@dataclass(frozen=True, slots=True)
class TestResult:
    """A version's result as the challenger of a batch, on the test patients so far."""

    batch: int
    roc_auc: float
    roc_auc_low: float
    roc_auc_high: float
    curves: Curves | None


@dataclass(frozen=True, slots=True)
class Production:
    """The model in production: the candidate's name, the last batch it was trained on, its figures on the test split.

    `tested_on_batch`: the last batch whose verdict evaluated it, as challenger or champion, on `test_rows` encounters;
    `consulted`: the verdicts on its target up to that one, all on test patients.
    `cost_ratio`: the number of needless follow-ups that cost as much as a missed readmission. `of_100`: 100 discharges
    by flag and outcome, as whole numbers; None where a figure is undefined.
    """

    name: str
    model: str
    version: str
    batch: int
    threshold: float
    cost_ratio: float
    tested_on_batch: int
    test_rows: int
    consulted: int
    test: Mapping[str, float]
    of_100: Mapping[str, int] | None
    judged: TestResult


@dataclass(frozen=True, slots=True)
class Report:
    """The demo's report. `candidates`: of the last batch trained on for the target. `prediction`: the API's response.

    `target`: that of the version in production; without one, that of the settings. `made_from`: the MLflow run, the
    snapshot and the code of the version in production. `prospective`: for the target, oldest first. `trained_anew`:
    this run processed no new batch, but trained a model for another target on the last one. `evaluation`: of the
    version in production, None when it has none.
    """

    made_at: str
    made_from: Mapping[str, str | None]
    data: Mapping[str, str | int]
    target: str
    new_days: int
    trained_anew: bool
    rows: Mapping[str, int]
    excluded: tuple[ExclusionReason, ...]
    quarantine: tuple[ExclusionReason, ...]
    measured: Mapping[str, float]
    gates: Mapping[str, float]
    candidates: tuple[CandidateResult, ...]
    production: Production | None
    prospective: tuple[LaterBatchResult, ...]
    evaluation: VersionEvaluation | None
    prediction: Mapping[str, object] | None
    days: tuple[DayResult, ...]
    seconds_by_step: Mapping[str, float]
    seconds_of_steps: float
    seconds: float

    def to_json(self) -> str:
        """Return the report as JSON: an undefined figure is null, and a candidate's figures are among its keys."""
        fields = asdict(self)
        fields["candidates"] = [{**candidate.pop("figures"), **candidate} for candidate in fields["candidates"]]
        # Puts a point of a curve on one line instead of four.
        return CURVE_POINT.sub(r"[\1, \2]", json.dumps(_numbers_or_null(fields), indent=2, allow_nan=False))


def _numbers_or_null(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _numbers_or_null(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers_or_null(inner) for inner in value]
    return finite_or_none(value) if isinstance(value, float) else value


def build_report(
    source: SourceState,
    requested_target: str,
    production: Version | None,
    evaluation: VersionEvaluation | None,
    new_days: int,
    trained_anew: bool,
    prediction: Mapping[str, object] | None,
    registry: ExperimentRuns,
    seconds: float,
) -> Report:
    """Return the report of all days so far. `new_days`: how many of them this run did; `seconds`: how long it took."""
    runs = [run for run in ledger.list_step_runs() if run.state == "done"]
    target = requested_target if production is None else production.target
    rows, days = _rows(), day_results(runs, target)
    return Report(
        made_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        made_from=_provenance(production),
        data={"source": source.kind, "rows": source.rows, "batches": source.batches},
        target=target,
        new_days=new_days,
        trained_anew=trained_anew,
        rows=rows,
        excluded=exclusion_reasons(rows["excluded"]),
        quarantine=quarantine_reasons(row.batch for row in ledger.list_batches()),
        measured=MEASUREMENT,
        gates=GATES | ({"leak_above": leak} if (leak := MAX_PLAUSIBLE_AUC.get(target)) else {}),
        candidates=candidate_results(runs, target, registry),
        production=None if production is None else _production(production),
        prospective=later_batch_results(target),
        evaluation=evaluation,
        prediction=prediction,
        days=days,
        seconds_by_step=seconds_by_step(days),
        seconds_of_steps=round(sum(day.seconds_of_steps for day in days), 3),
        seconds=round(seconds, 1),
    )


def _provenance(production: Version | None) -> dict[str, str | None]:
    if production is None:
        return {"run": None, "snapshot": None, "code": None}
    return {"run": production.run_id, "snapshot": production.snapshot[:16], "code": production.code}


def _rows() -> dict[str, int]:
    """Return the encounters of all batches so far, by stage and by split."""
    batches = ledger.list_batches()
    last = max((row.batch for row in batches), default=0)
    return {**rows_by_stage(batches), **{split.value: _rows_until(last, split) for split in Split}}


def _rows_until(batch: int, split: Split) -> int:
    return sum(part.rows for part in ledger.parts_up_to(batch) if part.split == split)


def _production(version: Version) -> Production:
    tested_on, judged, metrics, auc = max(_evaluations(version), key=lambda evaluation: evaluation[0])
    figures = {CLINICAL_NAMES.get(name, name): value for name, value in metrics.items()}
    return Production(
        name=version.candidate,
        model=MODEL,
        version=version.number,
        batch=version.batch,
        threshold=version.threshold,
        cost_ratio=cost_ratio(version.threshold),
        tested_on_batch=tested_on,
        test_rows=_rows_until(tested_on, Split.TEST),
        consulted=promotions.count_consultations()[judged],
        test=figures if auc is None else figures | {"roc_auc_low": auc.low, "roc_auc_high": auc.high},
        of_100=hundred_discharges(figures),
        judged=_challenger_result(version),
    )


def _evaluations(version: Version) -> list[tuple[int, str, dict[str, float], Interval | None]]:
    """Return batch, judged version, figures and ROC-AUC interval of each verdict that evaluated a version.

    These are the verdict on the version itself, and those in which it was the champion.
    """
    verdicts, number = verdicts_for(version.target), version.number
    as_challenger = [(batch, number, item.figures, item.roc_auc) for batch, item in verdicts if item.version == number]
    return as_challenger + [
        (batch, item.version, item.rival_figures, item.rival_roc_auc)
        for batch, item in verdicts
        if item.rival == number
    ]


def _challenger_result(version: Version) -> TestResult:
    verdicts = {verdict.version: (batch, verdict) for batch, verdict in verdicts_for(version.target)}
    batch, verdict = verdicts[version.number]
    return TestResult(batch, verdict.figures["roc_auc"], verdict.roc_auc.low, verdict.roc_auc.high, verdict.curves)
