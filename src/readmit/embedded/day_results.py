"""The result of each batch's day: its rows, its verdict, and how long each step took."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from readmit.core.verdict import Verdict
from readmit.io.database import ledger, promotions
from readmit.io.database.tables import Batch, StepRun
from readmit.pipeline import STEPS
from readmit.step_summary import OUTCOMES


@dataclass(frozen=True, slots=True)
class DayResult:
    """One batch. `rows`: encounters by stage; `seconds`: of each step's last successful attempt, in any run.

    `outcome`: promoted, provisional or refused, with its `reasons`; `verdict`: both as one sentence; ROC-AUC: the
    challenger's on test; `consulted`: the verdicts on its target up to its own, all on test patients. All are None
    where the batch has no verdict for the report's target.
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
    consulted: int | None
    seconds: Mapping[str, float]
    seconds_of_steps: float


def day_results(runs: list[StepRun], target: str) -> tuple[DayResult, ...]:
    """Return the days by batch. `runs`: successful attempts at steps, oldest first."""
    rows, verdicts = {row.batch: row for row in ledger.list_batches()}, dict(verdicts_for(target))
    candidates, consultations = _candidates_by_version(runs), promotions.count_consultations()
    batches = sorted({run.batch for run in runs if run.batch is not None and run.step != "check_source"})
    return tuple(
        _day(rows[batch], [run for run in runs if run.batch == batch], verdicts.get(batch), candidates, consultations)
        for batch in batches
        if batch in rows
    )


def verdicts_for(target: str) -> list[tuple[int, Verdict]]:
    """Return batch and verdict of each judged version of a target, oldest first."""
    return [
        (batch, verdict)
        for batch, verdict in promotions.list_verdicts()
        if promotions.get_target(verdict.version) == target
    ]


def rows_by_stage(rows: Iterable[Batch]) -> dict[str, int]:
    """Return the encounters of some batches at each stage of the pipeline."""
    batches = list(rows)
    return {stage: sum(getattr(row, column) or 0 for row in batches) for stage, column in ledger.ROW_STAGES.items()}


def seconds_by_step(results: Iterable[DayResult]) -> dict[str, float]:
    """Return the total seconds of each step in all days."""
    days = list(results)
    totals = {step.name: sum(day.seconds.get(step.name, 0.0) for day in days) for step in STEPS}
    return {name: round(total, 3) for name, total in totals.items() if total}


def verdict_text(verdict: Verdict) -> str:
    """Return a verdict as a sentence."""
    return f"version {verdict.version} {OUTCOMES[verdict.outcome]}: {'; '.join(verdict.reasons)}"


def _day(
    row: Batch,
    runs: list[StepRun],
    verdict: Verdict | None,
    candidates: Mapping[str, str],
    consultations: Mapping[str, int],
) -> DayResult:
    seconds = {run.step: round(run.seconds or 0.0, 3) for run in runs}
    version = None if verdict is None else verdict.version
    return DayResult(
        batch=row.batch,
        rows=rows_by_stage([row]),
        verdict=None if verdict is None else verdict_text(verdict),
        outcome=None if verdict is None else verdict.outcome,
        reasons=() if verdict is None else verdict.reasons,
        version=version,
        candidate=None if version is None else candidates.get(version),
        roc_auc=None if verdict is None else verdict.figures.get("roc_auc"),
        roc_auc_low=None if verdict is None else verdict.roc_auc.low,
        roc_auc_high=None if verdict is None else verdict.roc_auc.high,
        consulted=None if version is None else consultations[version],
        seconds={step.name: seconds[step.name] for step in STEPS if step.name in seconds},
        seconds_of_steps=round(sum(seconds.values()), 3),
    )


def _candidates_by_version(runs: Iterable[StepRun]) -> dict[str, str]:
    """Return the candidate that each version was made from, as `register` recorded it."""
    registrations = [ledger.parse_facts(run) for run in runs if run.step == "register"]
    return {str(facts["version"]): str(facts["candidate"]) for facts in registrations}
