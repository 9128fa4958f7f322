"""What each batch's day did: its rows, its verdict, and how long each step took."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from readmit.core.verdict import Verdict
from readmit.io.database import ledger, promotions
from readmit.io.database.tables import Batch, StepRun
from readmit.pipeline import STEPS
from readmit.step_summary import OUTCOMES


@dataclass(frozen=True, slots=True)
class DayResult:
    """One batch. `rows`: encounters by station; `seconds`: of each step's last good attempt, whichever run made it.

    `outcome`: promoted, provisional or refused, with its `reasons`; `verdict`: both as one sentence; ROC-AUC: the
    challenger's on test. All None where no verdict was made for the report's target.
    """

    batch: int
    rows: Mapping[str, int]
    verdict: str | None
    outcome: str | None
    reasons: tuple[str, ...]
    version: str | None
    candidate: str | None
    roc_auc: float | None
    roc_auc_low: float | None
    roc_auc_high: float | None
    seconds: Mapping[str, float]
    seconds_of_steps: float


def days(runs: list[StepRun], target: str) -> tuple[DayResult, ...]:
    """By batch. `runs`: the good attempts at steps, oldest first."""
    ledgers, verdicts = {row.batch: row for row in ledger.batch_rows()}, dict(verdicts_for(target))
    candidates = _candidates_by_version(runs)
    batches = sorted({run.batch for run in runs if run.batch is not None and run.step != "check_source"})
    return tuple(
        _day(ledgers[batch], [run for run in runs if run.batch == batch], verdicts.get(batch), candidates)
        for batch in batches
        if batch in ledgers
    )


def verdicts_for(target: str) -> list[tuple[int, Verdict]]:
    """Batch and verdict of each judged version of a target, oldest first."""
    return [
        (batch, verdict) for batch, verdict in promotions.verdicts() if promotions.target_of(verdict.version) == target
    ]


def stations(rows: Iterable[Batch]) -> dict[str, int]:
    """Encounters of some batches at each station of their way."""
    found = list(rows)
    return {station: sum(getattr(row, column) or 0 for row in found) for station, column in ledger.ROW_STAGES.items()}


def seconds_by_step(told: Iterable[DayResult]) -> dict[str, float]:
    """What each step took in all days together."""
    found = list(told)
    totals = {step.name: sum(day.seconds.get(step.name, 0.0) for day in found) for step in STEPS}
    return {name: round(total, 3) for name, total in totals.items() if total}


def in_words(verdict: Verdict) -> str:
    """A verdict as a sentence."""
    return f"version {verdict.version} {OUTCOMES[verdict.outcome]}: {'; '.join(verdict.reasons)}"


def _day(row: Batch, runs: list[StepRun], verdict: Verdict | None, candidates: Mapping[str, str]) -> DayResult:
    took = {run.step: round(run.seconds or 0.0, 3) for run in runs}
    version = None if verdict is None else verdict.version
    return DayResult(
        batch=row.batch,
        rows=stations([row]),
        verdict=None if verdict is None else in_words(verdict),
        outcome=None if verdict is None else verdict.outcome,
        reasons=() if verdict is None else verdict.reasons,
        version=version,
        candidate=None if version is None else candidates.get(version),
        roc_auc=None if verdict is None else verdict.figures.get("roc_auc"),
        roc_auc_low=None if verdict is None else verdict.roc_auc.low,
        roc_auc_high=None if verdict is None else verdict.roc_auc.high,
        seconds={step.name: took[step.name] for step in STEPS if step.name in took},
        seconds_of_steps=round(sum(took.values()), 3),
    )


def _candidates_by_version(runs: Iterable[StepRun]) -> dict[str, str]:
    """Which candidate each version was, as `register` told it."""
    told = [ledger.facts_of(run) for run in runs if run.step == "register"]
    return {str(facts["version"]): str(facts["candidate"]) for facts in told}
