"""What the days did, from the ledger and the registry: the demo's report, from which its page is made."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from readmit.core.metrics import LEVEL, RESAMPLES_FOR_CANDIDATE, RESAMPLES_FOR_VERDICT
from readmit.core.promotion_gates import AUC_CHANGE_ABOVE, FIRST_AUC_ABOVE, LEAK_AUC_ABOVE
from readmit.core.splitting import Split
from readmit.core.verdict import Curves, Interval, finite
from readmit.core.version import MODEL, Version
from readmit.embedded.candidate_results import IMPORTANCES, CandidateResult, candidates
from readmit.embedded.day_results import DayResult, days, seconds_by_step, stations, verdicts_for
from readmit.embedded.exclusions import ExclusionReason, excluded, quarantine
from readmit.io.database import ledger
from readmit.io.registry.experiment_runs import ExperimentRuns
from readmit.io.source_client import SourceState

CLINICAL_NAMES = {"recall": "sensitivity", "precision": "ppv"}
"""Two figures have a clinical name, by which the report calls them."""
MEASURED = {
    "level": LEVEL,
    "resamples_for_candidate": RESAMPLES_FOR_CANDIDATE,
    "resamples_for_verdict": RESAMPLES_FOR_VERDICT,
    "importances": IMPORTANCES,
}
GATES = {"first_roc_auc_above": FIRST_AUC_ABOVE, "roc_auc_may_fall": -AUC_CHANGE_ABOVE}
POINT = re.compile(r"\[\s+(-?[\d.e-]+),\s+(-?[\d.e-]+)\s+\]")


@dataclass(frozen=True, slots=True)
class TestResult:
    """How a version was judged when it was the challenger of a batch, on the test patients so far."""

    batch: int
    roc_auc: float
    roc_auc_low: float
    roc_auc_high: float
    curves: Curves | None


@dataclass(frozen=True, slots=True)
class Production:
    """The model in production: the candidate's name, the batch that it learnt until, its figures on the test split.

    `tested_on_batch`: the last batch whose test patients, `test_rows` encounters, judged it, be it as challenger or
    as the one in place. `cost_ratio`: so many needless follow-ups a missed readmission counts. `of_100`: 100
    discharges by flag and outcome, in whole numbers; None where a figure is no number.
    """

    name: str
    model: str
    version: str
    batch: int
    threshold: float
    cost_ratio: float
    tested_on_batch: int
    test_rows: int
    test: Mapping[str, float]
    of_100: Mapping[str, int] | None
    judged: TestResult


@dataclass(frozen=True, slots=True)
class Report:
    """`candidates`: of the last batch that was trained on for the target. `prediction`: what the API answered.

    `target`: of the version in production; without one, what the settings ask for. `made_from`: the MLflow
    run, the snapshot and the code of the version in production. `trained_anew`: this run did no new batch, but a model
    of another target on the last one.
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
    prediction: Mapping[str, object] | None
    days: tuple[DayResult, ...]
    seconds_by_step: Mapping[str, float]
    seconds_of_steps: float
    seconds: float

    def to_json(self) -> str:
        """The report as JSON, which knows no NaN: a figure that is no number is null. A candidate's lie flat in it."""
        told = asdict(self)
        told["candidates"] = [{**each.pop("figures"), **each} for each in told["candidates"]]
        # A point of a curve takes one line, not four.
        return POINT.sub(r"[\1, \2]", json.dumps(_numbers_or_null(told), indent=2, allow_nan=False))


def _numbers_or_null(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _numbers_or_null(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers_or_null(inner) for inner in value]
    return finite(value) if isinstance(value, float) else value


def report(
    source: SourceState,
    asked_target: str,
    production: Version | None,
    new_days: int,
    trained_anew: bool,
    prediction: Mapping[str, object] | None,
    registry: ExperimentRuns,
    seconds: float,
) -> Report:
    """The report of all days so far; `new_days`: how many of them this run did, in how many seconds."""
    runs = [run for run in ledger.step_runs() if run.state == "done"]
    target = asked_target if production is None else production.target
    rows, told = _rows(), days(runs, target)
    return Report(
        made_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        made_from=_made_from(production),
        data={"source": source.kind, "rows": source.rows, "batches": source.batches},
        target=target,
        new_days=new_days,
        trained_anew=trained_anew,
        rows=rows,
        excluded=excluded(rows["excluded"]),
        quarantine=quarantine(row.batch for row in ledger.batch_rows()),
        measured=MEASURED,
        gates=GATES | ({"leak_above": leak} if (leak := LEAK_AUC_ABOVE.get(target)) else {}),
        candidates=candidates(runs, target, registry),
        production=None if production is None else _production(production),
        prediction=prediction,
        days=told,
        seconds_by_step=seconds_by_step(told),
        seconds_of_steps=round(sum(day.seconds_of_steps for day in told), 3),
        seconds=round(seconds, 1),
    )


def _made_from(production: Version | None) -> dict[str, str | None]:
    if production is None:
        return {"run": None, "snapshot": None, "code": None}
    return {"run": production.run_id, "snapshot": production.snapshot[:16], "code": production.code}


def _rows() -> dict[str, int]:
    """Encounters of all batches so far, at each station of their way."""
    batches = ledger.batch_rows()
    last = max((row.batch for row in batches), default=0)
    return {**stations(batches), **{split.value: _rows_until(last, split) for split in Split}}


def _rows_until(batch: int, split: Split) -> int:
    return sum(part.rows for part in ledger.parts_until(batch) if part.split == split)


def _production(version: Version) -> Production:
    tested_on, last, auc = max(_judgements(version), key=lambda judgement: judgement[0])
    figures = {CLINICAL_NAMES.get(name, name): value for name, value in last.items()}
    return Production(
        name=version.candidate,
        model=MODEL,
        version=version.number,
        batch=version.batch,
        threshold=version.threshold,
        cost_ratio=round(1 / version.threshold - 1, 6),
        tested_on_batch=tested_on,
        test_rows=_rows_until(tested_on, Split.TEST),
        test=figures if auc is None else figures | {"roc_auc_low": auc.low, "roc_auc_high": auc.high},
        of_100=_of_100(figures),
        judged=_judged(version),
    )


def _judgements(version: Version) -> list[tuple[int, dict[str, float], Interval | None]]:
    """A version's figures and the interval of its ROC-AUC, by the batch whose verdict they stand in.

    That is its own, and those in which it was the rival.
    """
    verdicts, number = verdicts_for(version.target), version.number
    own = [(batch, each.figures, each.roc_auc) for batch, each in verdicts if each.version == number]
    return own + [(batch, each.rival_figures, each.rival_roc_auc) for batch, each in verdicts if each.rival == number]


def _judged(version: Version) -> TestResult:
    own = {verdict.version: (batch, verdict) for batch, verdict in verdicts_for(version.target)}
    batch, verdict = own[version.number]
    return TestResult(batch, verdict.figures["roc_auc"], verdict.roc_auc.low, verdict.roc_auc.high, verdict.curves)


def _of_100(test: Mapping[str, float]) -> dict[str, int] | None:
    """100 discharges by flag and outcome; each rate is rounded as it is said, so that sentence and picture agree."""
    shares = [test.get(name) for name in ("flagged", "base_rate", "ppv")]
    if any(share is None or finite(share) is None for share in shares):
        return None
    flagged, back = round(100 * test["flagged"]), round(100 * test["base_rate"])
    hit = min(round(100 * test["flagged"] * test["ppv"]), flagged, back)
    return {
        "flagged_came_back": hit,
        "flagged_stayed_away": flagged - hit,
        "missed": back - hit,
        "left_alone": 100 - flagged - back + hit,
    }
