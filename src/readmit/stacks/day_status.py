"""The lines below the table of `just status`, the same for both stacks: last day, served version, source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx

from readmit.stacks.terminal import counted

TIMEOUT_SECONDS = 5.0
JsonObject = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class DaysSummary:
    """The batches that are done, and one line on the last day; None before the first."""

    done: Sequence[int]
    last: str | None


def status_lines(days: DaysSummary | Exception, api: str, source: str) -> list[str]:
    """Return the lines. `days`: or the error by which the ledger was unavailable; `api`, `source`: their addresses."""
    if isinstance(days, Exception):
        last, done = f"The ledger is unavailable: {days}", None
    else:
        last = "No day has been completed yet." if days.last is None else f"Last day: {days.last}"
        done = len(days.done)
    return [last, _served_line(_fetch_json(f"{api}/health")), _source_line(_fetch_json(f"{source}/health"), done)]


def _served_line(health: JsonObject | None) -> str:
    if health is None:
        return "The inference API does not respond."
    return f"Served: version {health['model_version']}" if health["model_loaded"] else "Served: no model yet"


def _source_line(health: JsonObject | None, done: int | None) -> str:
    if health is None:
        return "The source does not respond."
    suffix = "" if done is None else f", {counted(done, 'batch', 'batches')} done"
    if health["exhausted"] and done == health["batches"]:
        return f"Source exhausted{suffix}."
    total = counted(int(str(health["batches"])), "batch", "batches")
    return f"Source: {health['released']} of {total} released{suffix}."


def _fetch_json(url: str) -> JsonObject | None:
    """Return the JSON object that a service responds with, or None when it does not respond with one."""
    try:
        content = httpx.get(url, timeout=TIMEOUT_SECONDS, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return None
    return content if isinstance(content, dict) else None
