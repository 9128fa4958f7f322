"""The metrics of an attempt at a step, and of the day as the ledger has it, pushed however the attempt ended."""

import logging
import math
import time

from readmit.core.candidates import by_candidate
from readmit.core.errors import ReadmitError
from readmit.core.pushed_metrics import (
    SOURCE_RUNNING,
    SOURCE_STARTED,
    SOURCE_STOPPED,
    SOURCE_UNAVAILABLE,
    DayMetrics,
    PushedGroup,
    StepMetrics,
    day_group,
    step_group,
)
from readmit.io import process_memory, pushgateway
from readmit.io.database import day_queries, ledger, promotions
from readmit.io.database.tables import Batch, StepRun

log = logging.getLogger(__name__)


class AttemptMetrics:
    """Context manager that measures an attempt at a step and pushes its metrics; without a URL it does nothing.

    Neither an unavailable store or Pushgateway nor a damaged record changes how the attempt ends.
    """

    def __init__(self, step: str, pushgateway_url: str | None) -> None:
        self._step, self._url = step, pushgateway_url

    def __enter__(self) -> None:
        if self._url is not None:
            process_memory.reset_peak()
        self._started = time.perf_counter()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._url is None:
            return
        step = StepMetrics(
            step=self._step,
            succeeded=error is None,
            seconds=time.perf_counter() - self._started,
            peak_memory=process_memory.peak_bytes(),
            memory_limit=process_memory.limit_bytes(),
            ended_at=time.time(),
        )
        pushgateway.push(self._url, [step_group(step), *_day_groups()])


def _day_groups() -> list[PushedGroup]:
    """Return the group of the day, or none when the ledger can't be read."""
    try:
        return [day_group(read_day())]
    except (ReadmitError, LookupError, TypeError, ValueError) as error:
        log.warning("the day's metrics are not pushed, because the ledger could not be read: %r", error)
        return []


def read_day() -> DayMetrics:
    """Return the metrics of the day from the ledger. Raises StoreUnavailable when a database does not respond."""
    state = day_queries.read_ledger_state()
    current = state.current
    decided = promotions.get_latest_verdict(None if current is None else current.version)
    verdict = None if decided is None else decided[0]
    is_cleaned = current is not None and ledger.is_cleaned(current)
    return DayMetrics(
        batch=None if current is None else current.batch,
        rows={} if current is None else _rows(current, is_cleaned),
        quarantined=state.quarantined if is_cleaned else {},
        outcome=_outcome(current, None if verdict is None else (verdict.version, verdict.outcome)),
        gates={} if verdict is None else {gate: reason is None for gate, reason in verdict.gates.items()},
        candidates=_candidate_metrics(state.trained),
        verdict=verdict,
        production=_number(state.signalled.get("version")),
        released=_number(state.checked.get("released")),
        expected=_number(state.checked.get("batches")),
        done=state.done,
        set_aside=state.set_aside,
        source_state=None if state.source_check is None else _source_state(state.source_check),
        finished_at=state.finished_at,
        batch_done_at=state.batch_done_at,
    )


def _rows(row: Batch, is_cleaned: bool) -> dict[str, int]:
    """Return the encounters by stage: before `clean`, the raw ones alone."""
    counts = {stage: getattr(row, column) for stage, column in ledger.ROW_STAGES.items()}
    return {stage: count for stage, count in counts.items() if count is not None and (is_cleaned or stage == "raw")}


def _outcome(row: Batch | None, decided: tuple[str, str] | None) -> str | None:
    """Return the outcome of a batch, None while it is not known. `decided`: a version and its outcome."""
    if row is None:
        return None
    if row.version is None:
        return None if row.done_at is None else "not_trained"
    return decided[1] if decided is not None and decided[0] == str(row.version) else None


def _source_state(check: StepRun) -> str:
    """Return the state of the source by an attempt at `check_source` that found it, or found it unavailable."""
    if check.error is not None:
        return SOURCE_UNAVAILABLE
    facts = ledger.parse_facts(check)
    if "not_today" in facts:
        return SOURCE_STOPPED
    return SOURCE_STARTED if facts.get("instance_started") else SOURCE_RUNNING


def _candidate_metrics(facts: day_queries.Facts) -> dict[str, dict[str, float]]:
    """Return the metrics of each candidate from the facts of `train`, in which one that is not finite is None."""
    return {
        name: {
            metric: math.nan if value is None else float(value)
            for metric, value in metrics.items()
            if not isinstance(value, str)
        }
        for name, metrics in by_candidate(facts).items()
    }


def _number(fact: object) -> int | None:
    return None if fact is None else int(str(fact))
