"""What was left out and why, as text: the encounters in quarantine, and the batches refused as a whole."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from readmit.core.cleaning import POSITION
from readmit.core.encounter import ENCOUNTER
from readmit.core.errors import in_words
from readmit.core.quarantine_reasons import DOUBLED, reason_to_show
from readmit.core.terminal_text import printable
from readmit.io.database import ledger, rows
from readmit.io.database.rows import Faults
from readmit.io.database.tables import Batch, StepRun

FIRST = 50
"""So many faults of a batch are listed one by one, unless all are asked for."""
REASONS_OF_A_FIELD = 5
LONGEST_NUMBER = 24
LEAST_WRAPPED = 24
"""Columns: a narrower terminal wraps by itself."""
EXCLUDED = "Excluded: stays that ended in death or in a hospice, after which nobody can come back."


@dataclass(frozen=True, slots=True)
class Listing:
    """What to list. `width`: of the terminal; None: lines are not wrapped."""

    batch: int | None
    every_row: bool
    width: int | None

    def lines(self) -> Iterator[str]:
        """NotThereYet: the batch that is named never came."""
        batches = ledger.batch_rows() if self.batch is None else [ledger.batch_row(self.batch)]
        stranded = doubled_of_none()
        for row in batches:
            yield from [""] if row is not batches[0] else []
            yield from self._wrapped(_counts_in_words(f"Batch {row.batch}", row), "")
            yield from self._how_it_stands(row)
            yield from self._faults(row)
            if row.batch in stranded:
                yield from self._wrapped(_taken_in_by_release(row.batch, stranded[row.batch]), "  ")
        if any(row.excluded for row in batches):
            yield from self._wrapped(EXCLUDED, "")
        if not batches:
            yield "No batch has come yet."
        elif not any(row.quarantined for row in batches):
            yield "Nothing is in quarantine."

    def _how_it_stands(self, row: Batch) -> Iterator[str]:
        runs = ledger.step_runs(batch=row.batch)
        if strange := _strange_columns(runs):
            yield from self._wrapped(f"Columns that no encounter has, left out: {strange}", "  ")
        if row.done_at is None and runs:
            yield from self._wrapped(_why_not_done(runs[-1]), "  ")

    def _faults(self, row: Batch) -> Iterator[str]:
        if not _adds_up(row) or not row.quarantined:
            return
        found = rows.faults_by_field(row.batch)
        yield from self._table(("field", "encounters", "first at", "reason"), _by_field(found))
        if self.batch is None and not self.every_row:
            return
        yield ""
        shown = rows.faults(row.batch, None if self.every_row else FIRST)
        yield from self._table((POSITION, "encounter", "field", "reason"), _one_by_one(row.batch, shown))
        if more := sum(each.encounters for each in found) - shown.height:
            yield f"  and {more:,} more: `just quarantine {row.batch} --rows` lists all"

    def _table(self, names: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[str]:
        """Columns side by side, numbers to the right; the last one is wrapped."""
        widths = [max(len(line[place]) for line in (names, *cells)) for place in range(len(names) - 1)]
        numbers = [all(line[place].replace(",", "").isdecimal() for line in cells) for place in range(len(widths))]
        for line in (names, *cells):
            padded = [
                cell.rjust(width) if number else cell.ljust(width)
                for cell, width, number in zip(line, widths, numbers, strict=False)
            ]
            yield from self._wrapped(line[-1], "  " + "  ".join(padded) + "  ", " " * (sum(widths) + 2 * len(names)))

    def _wrapped(self, text: str, before: str, further: str = "    ") -> list[str]:
        if self.width is None or self.width - len(further) < LEAST_WRAPPED:
            return [before + text]
        return textwrap.wrap(
            text, self.width, initial_indent=before, subsequent_indent=further, break_on_hyphens=False
        ) or [before.rstrip()]


def _counts_in_words(name: str, row: Batch) -> str:
    if row.rows is None:
        return f"{name}: nothing came that could be kept"
    if not _adds_up(row):
        return f"{name}: {row.rows:,} encounters came, and are not sorted yet"
    parts = f"{row.clean:,} clean + {row.quarantined:,} quarantined + {row.excluded:,} excluded"
    return f"{name}: {row.rows:,} encounters = {parts}"


def _adds_up(row: Batch) -> bool:
    """Whether the batch was sorted since it came last."""
    parts = [number for number in (row.clean, row.quarantined, row.excluded) if number is not None]
    return len(parts) == 3 and row.rows == sum(parts)


def _strange_columns(runs: Sequence[StepRun]) -> str:
    stored = [ledger.facts_of(run) for run in runs if run.step == "store_raw" and run.state == "done"]
    return printable(str(stored[-1].get("strange_columns") or "")) if stored else ""


def _why_not_done(last: StepRun) -> str:
    if last.state == "running":
        return f"Not done yet: {last.step} is running, or was killed."
    if last.state == "done":
        return f"Not done yet: its day stopped after {last.step}."
    return f"Not done, stopped at {last.step}: {printable(in_words(str(last.error)))}"


def _by_field(found: Sequence[Faults]) -> list[tuple[str, ...]]:
    """The fields most at fault first, each with its reasons, the most frequent first."""
    fields: dict[str, dict[str, tuple[int, int]]] = {}
    for each in found:
        reasons = fields.setdefault(each.field, {})
        reason = printable(reason_to_show(each.field, each.reason))
        number, first = reasons.get(reason, (0, each.first))
        reasons[reason] = (number + each.encounters, min(first, each.first))
    by_number = sorted(fields.items(), key=lambda item: -sum(number for number, _ in item[1].values()))
    return [line for field, reasons in by_number for line in _reasons(field, reasons)]


def _reasons(field: str, reasons: dict[str, tuple[int, int]]) -> Iterator[tuple[str, ...]]:
    ordered = sorted(((number, first, reason) for reason, (number, first) in reasons.items()), key=lambda it: -it[0])
    for number, first, reason in ordered[:REASONS_OF_A_FIELD]:
        yield field, f"{number:,}", f"{first:,}", reason
    if rest := ordered[REASONS_OF_A_FIELD:]:
        number, first = sum(each[0] for each in rest), min(each[1] for each in rest)
        yield field, f"{number:,}", f"{first:,}", f"{len(rest):,} other reasons"


def _one_by_one(batch: int, faults: pl.DataFrame) -> list[tuple[str, ...]]:
    kept = _where_it_is_kept(batch) if (faults["reason"] == DOUBLED).any() else {}
    return [
        (f"{position:,}", _number(encounter), field, _reason(field, reason) + kept.get((position, field), ""))
        for position, encounter, field, reason in faults.iter_rows()
    ]


def _reason(field: str, reason: str) -> str:
    """Of an encounter's number, which the operator needs, all is said; of a patient's nothing."""
    return printable(reason if field == ENCOUNTER else reason_to_show(field, reason))


def _where_it_is_kept(batch: int) -> dict[tuple[int, str], str]:
    """By the position of a doubled encounter: where the one is that counts."""
    mine = rows.doubled_encounters().filter(pl.col("batch") == batch)
    found = mine.join(rows.whole_encounters(), on=ENCOUNTER, how="left", suffix="_kept")
    return {
        (position, ENCOUNTER): " (no batch has it any more)" if where is None else f" (batch {where}, position {at:,})"
        for position, where, at in found.select(POSITION, "batch_kept", f"{POSITION}_kept").iter_rows()
    }


def doubled_of_none() -> dict[int, int]:
    """By batch: encounters in quarantine because they came before, which no batch has whole any more."""
    stranded = rows.doubled_encounters().join(rows.whole_encounters(), on=ENCOUNTER, how="anti")
    return dict(stranded.group_by("batch").len().sort("batch").iter_rows())


def _taken_in_by_release(batch: int, number: int) -> str:
    why = "came before in a batch that was taken again and lacks them now"
    return f"Batch {batch}: {number:,} in quarantine {why}. `just release {batch}` takes them in."


def _number(encounter: str | None) -> str:
    if encounter is None:
        return "none"
    return printable(encounter if len(encounter) <= LONGEST_NUMBER else f"{encounter[:LONGEST_NUMBER]}...")


def release_in_words(before: Batch) -> Iterator[str]:
    """How a batch that was taken again stands now. `before`: its row in the ledger as it was."""
    now = ledger.batch_row(before.batch)
    yield _counts_in_words(f"Batch {now.batch} before", before)
    yield _counts_in_words(f"Batch {now.batch} now", now)
    if now.sha256 is not None and now.sha256 == before.sha256:
        yield (
            "The source has not changed: it sent the same bytes as before. The data API reads its file when it starts: "
            f"start it again with READMIT_SOURCE_MENDED={before.batch}."
        )
    if _adds_up(before):
        left = (before.quarantined or 0) - (now.quarantined or 0)
        yield f"Left quarantine: {left:,}" if left >= 0 else f"More in quarantine than before: {-left:,}"
    if later := sorted(batch for batch in ledger.uploaded_batches() if batch > now.batch):
        yield (
            f"Snapshots of later batches ({', '.join(map(str, later))}) stay as they were made. The next batch's holds "
            f"batch {now.batch} as it is now; so does one that `just day {later[-1]}` makes for batch {later[-1]}."
        )
    for batch, number in doubled_of_none().items():
        yield _taken_in_by_release(batch, number)
