"""The log line of an attempt at a step: which run, batch and step, how long it took, and how it ended."""

from collections.abc import Mapping

from readmit import json_log
from readmit.pipeline import RunRequest, Step

LOGGER = "readmit.steps"


def log_attempt(
    step: Step,
    request: RunRequest,
    number: int,
    seconds: float,
    facts: Mapping[str, object],
    error: BaseException | None,
) -> None:
    """Log an attempt. `number`: its number in the ledger, which also has the text of the error.

    Only the type of an error is logged: its text may quote what the source delivered.
    """
    batch, version = facts.get("batch", request.batch), facts.get("version")
    json_log.write(
        LOGGER,
        "info" if error is None else "error",
        run_id=request.run_id,
        batch=batch if isinstance(batch, int) else None,
        step=step.name,
        attempt=number,
        version=None if version is None else str(version),
        seconds=round(seconds, 3),
        outcome="done" if error is None else "failed",
        error=None if error is None else type(error).__name__,
    )
