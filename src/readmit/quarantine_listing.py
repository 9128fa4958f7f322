"""Listings of quarantined encounters and of rejected batches, with the reasons, as text."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from readmit.core.cleaning import POSITION
from readmit.core.encounter import ENCOUNTER
from readmit.core.errors import error_message
from readmit.core.quarantine_reasons import DUPLICATE, redact_reason
from readmit.core.terminal_text import printable
from readmit.io.database import ledger, rows, set_aside_batches
from readmit.io.database.rows import Faults
from readmit.io.database.tables import Batch, StepRun
from readmit.run_history import set_aside_text

MAX_LISTED_FAULTS = 50
"""Faults of a batch that are listed one by one, unless all are requested."""
MAX_REASONS_PER_FIELD = 5
MAX_NUMBER_CHARS = 24
MIN_WRAP_WIDTH = 24
"""In columns: narrower text is left to the terminal to wrap."""
EXCLUDED = "Excluded: stays that ended in death or hospice care."


@dataclass(frozen=True, slots=True)
class Listing:
    """A listing of one batch, or of all when `batch` is None. Lines are wrapped to `width` columns, unless None."""

    batch: int | None
    every_row: bool
    width: int | None

    def lines(self) -> Iterator[str]:
        """Yield the lines of the listing. Raises PrerequisiteMissing when the batch was never fetched."""
        batches = ledger.list_batches() if self.batch is None else [ledger.get_batch(self.batch)]
        orphaned = orphaned_duplicates()
        for row in batches:
            yield from [""] if row is not batches[0] else []
            yield from self._wrapped(_counts(f"Batch {row.batch}", row), "")
            yield from self._status(row)
            yield from self._faults(row)
            if row.batch in orphaned:
                yield from self._wrapped(_release_hint(row.batch, orphaned[row.batch]), "  ")
        if any(row.excluded for row in batches):
            yield from self._wrapped(EXCLUDED, "")
        if not batches:
            yield "No batch has been fetched yet."
        elif not any(row.quarantined for row in batches):
            yield "Nothing is in quarantine."

    def _status(self, row: Batch) -> Iterator[str]:
        runs = ledger.list_step_runs(batch=row.batch)
        if columns := _unknown_columns(runs):
            yield from self._wrapped(f"Unknown columns, ignored: {columns}", "  ")
        if row.done_at is None and runs:
            yield from self._wrapped(_why_not_done(runs[-1]), "  ")
        if (entry := set_aside_batches.get(row.batch)) is not None:
            yield from self._wrapped(printable(set_aside_text(entry)), "  ")

    def _faults(self, row: Batch) -> Iterator[str]:
        if not ledger.is_cleaned(row) or not row.quarantined:
            return
        by_field = rows.faults_by_field(row.batch)
        yield from self._table(("field", "encounters", "first row", "reason"), _reason_cells(by_field))
        if self.batch is None and not self.every_row:
            return
        yield ""
        shown = rows.faults(row.batch, None if self.every_row else MAX_LISTED_FAULTS)
        yield from self._table((POSITION, "encounter", "field", "reason"), _fault_cells(row.batch, shown))
        if more := sum(faults.encounters for faults in by_field) - shown.height:
            yield f"  and {more:,} more: `just quarantine {row.batch} --rows` lists all"

    def _table(self, names: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[str]:
        """Yield aligned columns, numbers to the right; the last column is wrapped."""
        widths = [max(len(line[column]) for line in (names, *cells)) for column in range(len(names) - 1)]
        numeric = [all(line[column].replace(",", "").isdecimal() for line in cells) for column in range(len(widths))]
        for line in (names, *cells):
            padded = [
                cell.rjust(width) if is_number else cell.ljust(width)
                for cell, width, is_number in zip(line, widths, numeric, strict=False)
            ]
            yield from self._wrapped(line[-1], "  " + "  ".join(padded) + "  ", " " * (sum(widths) + 2 * len(names)))

    def _wrapped(self, text: str, indent: str, further_indent: str = "    ") -> list[str]:
        if self.width is None or self.width - len(further_indent) < MIN_WRAP_WIDTH:
            return [indent + text]
        return textwrap.wrap(
            text, self.width, initial_indent=indent, subsequent_indent=further_indent, break_on_hyphens=False
        ) or [indent.rstrip()]


def _counts(name: str, row: Batch) -> str:
    if row.rows is None:
        return f"{name}: no encounters were fetched"
    if not ledger.is_cleaned(row):
        return f"{name}: {row.rows:,} encounters, not cleaned yet"
    parts = f"{row.clean:,} clean + {row.quarantined:,} quarantined + {row.excluded:,} excluded"
    return f"{name}: {row.rows:,} encounters = {parts}"


def _unknown_columns(runs: Sequence[StepRun]) -> str:
    stored = [ledger.parse_facts(run) for run in runs if run.step == "store_raw" and run.state == "done"]
    return printable(str(stored[-1].get("strange_columns") or "")) if stored else ""


def _why_not_done(last: StepRun) -> str:
    if last.state == "running":
        return f"Not done yet: {last.step} is running, or was killed."
    if last.state == "done":
        return f"Not done yet: the day stopped after {last.step}."
    return f"Not done, stopped at {last.step}: {printable(error_message(str(last.error)))}"


def _reason_cells(by_field: Sequence[Faults]) -> list[tuple[str, ...]]:
    """Return a row for each field and reason: the most faulty field first, its most frequent reason first."""
    fields: dict[str, dict[str, tuple[int, int]]] = {}
    for faults in by_field:
        reasons = fields.setdefault(faults.field, {})
        reason = printable(redact_reason(faults.field, faults.reason))
        count, first = reasons.get(reason, (0, faults.first))
        reasons[reason] = (count + faults.encounters, min(first, faults.first))
    by_count = sorted(fields.items(), key=lambda item: -sum(count for count, _ in item[1].values()))
    return [line for field, reasons in by_count for line in _cells_of_field(field, reasons)]


def _cells_of_field(field: str, reasons: dict[str, tuple[int, int]]) -> Iterator[tuple[str, ...]]:
    ordered = sorted(((count, first, reason) for reason, (count, first) in reasons.items()), key=lambda it: -it[0])
    for count, first, reason in ordered[:MAX_REASONS_PER_FIELD]:
        yield field, f"{count:,}", f"{first:,}", reason
    if rest := ordered[MAX_REASONS_PER_FIELD:]:
        total, first = sum(count for count, _, _ in rest), min(first for _, first, _ in rest)
        yield field, f"{total:,}", f"{first:,}", f"{len(rest):,} other reasons"


def _fault_cells(batch: int, faults: pl.DataFrame) -> list[tuple[str, ...]]:
    kept = _locations_of_kept(batch) if (faults["reason"] == DUPLICATE).any() else {}
    return [
        (f"{position:,}", _short_number(encounter), field, _reason(field, reason) + kept.get((position, field), ""))
        for position, encounter, field, reason in faults.iter_rows()
    ]


def _reason(field: str, reason: str) -> str:
    """Return the reason with the encounter number, which the operator needs, but without any patient number."""
    return printable(reason if field == ENCOUNTER else redact_reason(field, reason))


def _locations_of_kept(batch: int) -> dict[tuple[int, str], str]:
    """Return, by the position and field of each duplicate of the batch, where the encounter that counts is."""
    duplicates = rows.duplicate_encounters().filter(pl.col("batch") == batch)
    located = duplicates.join(rows.valid_encounters(), on=ENCOUNTER, how="left", suffix="_kept")
    return {
        (position, ENCOUNTER): " (no longer in any batch)" if kept is None else f" (batch {kept}, position {place:,})"
        for position, kept, place in located.select(POSITION, "batch_kept", f"{POSITION}_kept").iter_rows()
    }


def orphaned_duplicates() -> dict[int, int]:
    """Return, by batch, how many encounters are quarantined as duplicates though no batch has a valid copy."""
    orphaned = rows.duplicate_encounters().join(rows.valid_encounters(), on=ENCOUNTER, how="anti")
    return dict(orphaned.group_by("batch").len().sort("batch").iter_rows())


def _release_hint(batch: int, count: int) -> str:
    reason = "as duplicates of encounters that are no longer in any batch"
    return f"Batch {batch}: {count:,} in quarantine {reason}. Run `just release {batch}` to accept them."


def _short_number(encounter: str | None) -> str:
    if encounter is None:
        return "none"
    return printable(encounter if len(encounter) <= MAX_NUMBER_CHARS else f"{encounter[:MAX_NUMBER_CHARS]}...")


def release_summary(before: Batch) -> Iterator[str]:
    """Yield lines that compare a released batch with `before`, its row in the ledger before the release."""
    now = ledger.get_batch(before.batch)
    yield _counts(f"Batch {now.batch} before", before)
    yield _counts(f"Batch {now.batch} now", now)
    if now.sha256 is not None and now.sha256 == before.sha256:
        yield (
            "The source has not changed: it sent the same bytes as before. The data API reads its file when it starts: "
            f"restart it with READMIT_SOURCE_MENDED={before.batch}."
        )
    if ledger.is_cleaned(before):
        left = (before.quarantined or 0) - (now.quarantined or 0)
        yield f"No longer in quarantine: {left:,}" if left >= 0 else f"More in quarantine than before: {-left:,}"
    if later := sorted(batch for batch in ledger.uploaded_batches() if batch > now.batch):
        yield (
            f"Snapshots of later batches ({', '.join(map(str, later))}) are unchanged. The next batch's snapshot will "
            f"contain batch {now.batch} as it is now; so will batch {later[-1]}'s after `just day {later[-1]}`."
        )
    for batch, count in orphaned_duplicates().items():
        yield _release_hint(batch, count)
