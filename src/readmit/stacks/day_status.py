"""The lines below the table of `just status`, the same for both stacks: last day, served version, source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx

from readmit.stacks.terminal import counted

TIMEOUT_SECONDS = 5.0
EXTERNAL_SOURCE = "Source: external; the log of the last day shows its state (`just logs flows`)."
JsonObject = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class DaysSummary:
    """The batches that are done, and one line on the last day; None before the first.

    `not_today`: a line on the last run, if the source was stopped outside its hours; `set_aside`: one for each such
    batch.
    """

    done: Sequence[int]
    last: str | None
    not_today: str | None
    set_aside: Sequence[str]

    def lines(self) -> list[str]:
        """Return the lines on the days."""
        last = "No day has been completed yet." if self.last is None else f"Last day: {self.last}"
        return [last, *([] if self.not_today is None else [self.not_today]), *self.set_aside]


def status_lines(days: DaysSummary | Exception, api: str, source: str | None) -> list[str]:
    """Return the lines. `days`: or the error by which the ledger was unavailable.

    `api`, `source`: their addresses, empty while they do not run; the latter is None for a data API outside the stack.
    """
    known = None if isinstance(days, Exception) else days
    return [
        *([f"The ledger is unavailable: {days}"] if known is None else known.lines()),
        _served_line(_fetch_json(f"{api}/health")),
        EXTERNAL_SOURCE if source is None else _source_line(_fetch_json(f"{source}/health"), known),
    ]


def _served_line(health: JsonObject | None) -> str:
    if health is None:
        return "The inference API does not respond."
    return f"Served: version {health['model_version']}" if health["model_loaded"] else "Served: no model yet"


def _source_line(health: JsonObject | None, days: DaysSummary | None) -> str:
    if health is None:
        return "The source does not respond."
    suffix = "" if days is None else f", {counted(len(days.done), 'batch', 'batches')} done"
    if health["exhausted"] and days is not None and len(days.done) + len(days.set_aside) == health["batches"]:
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
