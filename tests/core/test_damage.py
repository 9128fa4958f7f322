"""Whatever damage comes: no good row is lost with the bad, no bad row passes, and the counts add up.

The examples are drawn by hypothesis, the same ones every time; what must come of them is worked out here from the
damage that was done, not from what the code under test says about it.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from readmit.core.cleaning import CLEAN_SCHEMA, POSITION, as_they_came, clean, strange_columns
from readmit.core.encounter import (
    BY_NAME,
    CANNOT_RETURN,
    COLUMNS,
    DISPOSITION,
    ENCOUNTER,
    FIELDS,
    NOT_RECORDED,
    PATIENT,
    Field,
    Kind,
)

Row = dict[str, str | None]
Faults = set[tuple[int, str]]
TEXTS = dict.fromkeys(COLUMNS, pl.String)
ROWS = 30
EXAMPLES = settings(max_examples=50, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
CODES = {
    "payer_code": ("MC", "HM"),
    "medical_specialty": ("InternalMedicine", "Surgery-General", "Obsterics&Gynecology-GynecologicOnco"),
    **dict.fromkeys(("diag_1", "diag_2", "diag_3"), ("428", "250.83", "V57", "V57.1", "E885", "E885.9", "8")),
}
NO_NUMBERS = (
    *("", " ", "-1", "-0", "+3", "1.5", "3.0", "1e3", "1e999", "NaN", "nan", "inf", "-inf", "None", "NULL", "true"),
    *(" 3", "3 ", "\t3", "3\n", "3\u200b", "\ufeff3", "3\x00", "1_000", "1,000", "0x1f", "'3'", '"3"', "3;4", "three"),
    *("\u0663", "\u00b2", "\u00bd", "\u2460", "\uff13", "9" * 16, "9" * 5_000, "?? "),
)
NO_CODES = {
    "payer_code": ("mc", "MCX", "M", "M1", "\u039c\u03a7"),
    "medical_specialty": ("X", "x" * 65, "Surgery_General", "Pediatrics7", "C\u00e9liac"),
    **dict.fromkeys(
        ("diag_1", "diag_2", "diag_3"), ("4280", "428.", ".4", "4.123", "v57", "V5", "E88", "\u0664", "-4")
    ),
}


def good(field: Field, chance: random.Random) -> str:
    """A value that the contract lets stand in the field."""
    if field.may_be_unrecorded and chance.random() < 0.2:
        return NOT_RECORDED
    if field.kind is Kind.CODE:
        return chance.choice(CODES[field.name])
    if field.choices:
        return chance.choice(field.choices)
    return "0" * (chance.random() < 0.1) + str(chance.choice((field.low, field.high, field.low + 1)))


def good_rows(seed: int, number: int = ROWS) -> list[Row]:
    """Rows that keep the contract, each with an encounter of its own."""
    chance = random.Random(seed)
    made: list[Row] = [{field.name: good(field, chance) for field in FIELDS} for _ in range(number)]
    for place, row in enumerate(made):
        row |= {ENCOUNTER: str(1001 + place), PATIENT: str(1 + place // 2)}
        if chance.random() < 0.6:
            row[DISPOSITION] = "1"
    return made


def bad_values(field: Field) -> tuple[str | None, ...]:
    """Values that can't stand in the field, of each kind of damage."""
    found: list[str | None] = [None, "", " ", "\u200b", "? ", " ?", "??", "\uff1f", "<5", '"', "x;" * 3_000]
    if not field.may_be_unrecorded:
        found.append(NOT_RECORDED)
    if field.whole_number:
        found += NO_NUMBERS
    if field.kind in (Kind.COUNT, Kind.KEY):
        found += [str(field.high + 1), str(10**14), *([str(field.low - 1)] if field.low else [])]
    if field.kind is Kind.ID:
        found += ["0", "01", "16" if field.name == "admission_source_id" else "31", "99", "3.0", "None"]
    if field.kind is Kind.CHOICE:
        found += [each for choice in field.choices for each in nearly(choice) if each not in field.choices]
    if field.kind is Kind.CODE:
        found += [*NO_CODES[field.name], *(f"{code}\n" for code in CODES[field.name])]
    return tuple(found)


def nearly(choice: str) -> list[str]:
    around = [f"{choice} ", f" {choice}", f"{choice}\n", f"{choice}\u200b", f"\ufeff{choice}", f"{choice}\x00"]
    return [*around, f'"{choice}"', f"'{choice}'", choice.swapcase(), choice[:-1], "Sometimes", "nan", "NULL", "N/A"]


def is_surely_bad(field: Field, text: str) -> bool:
    if text == NOT_RECORDED:
        return not field.may_be_unrecorded
    if field.kind is Kind.CODE:
        return not re.fullmatch(r"[ -~]+", text) or bool(re.search(r"[!-%'-*,:-@\[-`{-~]", text))
    if field.whole_number:
        return any(each not in "0123456789" for each in text) or not text
    return text not in field.choices


BAD = {field.name: bad_values(field) for field in FIELDS}


def bad_cells(field: Field) -> st.SearchStrategy[tuple[int, str, str | None]]:
    values = st.sampled_from(BAD[field.name]) | st.text(max_size=8).filter(lambda text: is_surely_bad(field, text))
    return st.tuples(st.integers(0, ROWS - 1), st.just(field.name), values)


cells = st.lists(st.sampled_from(FIELDS).flatmap(bad_cells), max_size=25)
places = st.integers(0, ROWS - 1)
doubles = st.lists(st.tuples(places, places, st.sampled_from(("", "0", "000"))), max_size=8)
batches_before = st.sets(st.integers(995, 1035), max_size=6).map(lambda numbers: [f"0{number}" for number in numbers])


@dataclass(frozen=True)
class Expected:
    """What must come of a batch: the fields at fault by position, the rows that are clean, and those excluded."""

    faults: Faults
    clean: list[Row]
    excluded: int


def expected(rows: list[Row], faults: Faults, before: list[str]) -> Expected:
    """Of the rows of one encounter that have no other damage the first in the source's order stays, if it is new."""
    at_fault, seen, doubled = {place for place, _ in faults}, {int(each) for each in before}, set()
    for place, row in enumerate(rows, start=1):
        if place not in at_fault:
            number = int(str(row[ENCOUNTER]))
            doubled |= {(place, ENCOUNTER)} if number in seen else set()
            seen.add(number)
    whole = [row for at, row in enumerate(rows, start=1) if at not in at_fault | {place for place, _ in doubled}]
    returning = [row for row in whole if row[DISPOSITION] not in CANNOT_RETURN]
    return Expected(faults | doubled, returning, len(whole) - len(returning))


def typed(rows: list[Row]) -> pl.DataFrame:
    cell = {name: int if kind == pl.Int64 else str for name, kind in CLEAN_SCHEMA.items()}
    values = [{name: None if row[name] == NOT_RECORDED else cell[name](str(row[name])) for name in row} for row in rows]
    return pl.DataFrame(values, schema=CLEAN_SCHEMA)


def check(came: pl.DataFrame, before: list[str], wanted: Expected) -> None:
    raw = as_they_came(came)
    cleaned = clean(raw, before)
    assert set(cleaned.faults.select(POSITION, "field").iter_rows()) == wanted.faults
    assert cleaned.faults.height == len(wanted.faults)
    assert_frame_equal(cleaned.clean, typed(wanted.clean))
    assert cleaned.excluded == wanted.excluded
    assert cleaned.quarantined == len({place for place, _ in wanted.faults})
    assert came.height == cleaned.clean.height + cleaned.quarantined + cleaned.excluded
    for position, encounter, field, reason in cleaned.faults.iter_rows():
        assert encounter == raw[ENCOUNTER][position - 1]
        check_words(reason, raw[field][position - 1])
    once_more = clean(raw, before)
    assert cleaned.clean.equals(once_more.clean)
    assert cleaned.faults.equals(once_more.faults)


def check_words(reason: str, value: str | None) -> None:
    """A reason is a few words; it shows the value as it is, invisible characters too, and no regular expression."""
    ours = reason if value is None else reason.replace(repr(value), "")
    assert " " in ours
    assert not re.search(r"\\|\{|\}|\^|\$|\.\*|\(\?", re.sub(r"^('.*'|\".*\")", "", ours, flags=re.DOTALL))
    assert reason.isprintable()
    assert len(reason) < 400


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_each_value_that_can_not_stand_in_a_field_is_quarantined_and_the_row_beside_it_is_kept(field: Field) -> None:
    bad = BAD[field.name]
    rows = good_rows(1, 2 * len(bad))
    for place, value in enumerate(bad):
        rows[2 * place][field.name] = value
    faults = {(2 * place + 1, field.name) for place in range(len(bad))}
    check(pl.DataFrame(rows, schema=TEXTS), [], expected(rows, faults, []))


@EXAMPLES
@given(st.integers(0, 50), cells, doubles, batches_before)
def test_every_damaged_row_is_quarantined_for_its_field_and_every_other_is_kept_as_if_nothing_were(
    seed: int, bad: list[tuple[int, str, str | None]], again: list[tuple[int, int, str]], before: list[str]
) -> None:
    rows = good_rows(seed)
    for first, later, zeros in again:
        rows[later][ENCOUNTER] = f"{zeros}{rows[first][ENCOUNTER]}"
    for place, field, value in bad:
        rows[place][field] = value
    faults = {(place + 1, field) for place, field, _ in bad}
    check(pl.DataFrame(rows, schema=TEXTS), before, expected(rows, faults, before))


@EXAMPLES
@given(st.integers(0, 50), cells, st.permutations(range(ROWS)), batches_before)
def test_with_no_encounter_twice_the_order_of_the_rows_does_not_matter(
    seed: int, bad: list[tuple[int, str, str | None]], order: list[int], before: list[str]
) -> None:
    rows = good_rows(seed)
    for place, field, value in bad:
        rows[place][field] = value
    batches = [pl.DataFrame(each, schema=TEXTS) for each in (rows, [rows[place] for place in order])]
    straight, shuffled = (clean(as_they_came(batch), before) for batch in batches)
    assert_frame_equal(straight.clean, shuffled.clean, check_row_order=False)
    assert straight.excluded == shuffled.excluded
    assert by_row(straight.faults, list(range(ROWS))) == by_row(shuffled.faults, order)


def by_row(faults: pl.DataFrame, order: list[int]) -> set[tuple[int, str, str]]:
    """Faults by the row's place in the batch as it was before it was put in this order."""
    return {(order[position - 1], field, reason) for position, _, field, reason in faults.iter_rows()}


SPOILS: dict[str, object] = {
    "null": None,
    "float": 1.5,
    "whole float": 3.0,
    "not a number": float("nan"),
    "boolean": True,
    "date": date(2008, 1, 1),
    "duration": timedelta(days=3),
    "list": [1],
    "struct": {"value": 1},
    "bytes that are no text": b"\xff",
    "whole numbers out of range": -428,
}
HARMLESS: dict[str, Callable[[pl.Series], pl.Series]] = {
    "text": lambda column: column,
    "integers": lambda column: column.cast(pl.Int64) if BY_NAME[column.name].whole_number else column,
    "bytes": lambda column: column.cast(pl.Binary),
    "categorical": lambda column: column.cast(pl.Categorical),
}
RENAMES: dict[str, Callable[[str], str]] = {
    "capitals": str.swapcase,
    "a blank": lambda name: f" {name}",
    "a mark": lambda name: f"\ufeff{name}",
    "quotes": lambda name: f'"{name}"',
    "another": lambda name: f"{name}_x",
}
names = st.sampled_from(COLUMNS)
spoilt_columns = st.dictionaries(names, st.sampled_from((*SPOILS, *RENAMES, "dropped")), max_size=4)
changed_columns = st.dictionaries(names, st.sampled_from(tuple(HARMLESS)), max_size=6)


def with_columns(came: pl.DataFrame, changes: dict[str, str]) -> tuple[pl.DataFrame, Faults]:
    """The batch with its columns changed, and the faults that each change must give: in every row, or in none."""
    spoilt: set[str] = set()
    for name, change in changes.items():
        if change in SPOILS:
            came = came.with_columns(pl.Series(name, [SPOILS[change]] * ROWS))
        elif change == "dropped":
            came = came.drop(name)
        elif change in RENAMES:
            came = came.rename({name: RENAMES[change](name)})
        else:
            came = came.with_columns(HARMLESS[change](came[name])).rename({name: name.replace("_", "-")})
            continue
        spoilt.add(name)
    return came, {(place, name) for place in range(1, ROWS + 1) for name in spoilt}


@pytest.mark.parametrize("change", [*SPOILS, *RENAMES, "dropped", *HARMLESS])
def test_each_change_of_a_column_spoils_every_field_in_every_row_or_none(change: str) -> None:
    rows = good_rows(1)
    came, faults = with_columns(pl.DataFrame(rows, schema=TEXTS), dict.fromkeys(COLUMNS, change))
    assert len(faults) == (0 if change in HARMLESS else ROWS * len(COLUMNS))
    check(came if came.width else pl.DataFrame({"ward": [1] * ROWS}), [], expected(rows, faults, []))


@EXAMPLES
@given(st.integers(0, 50), cells, changed_columns, spoilt_columns, st.randoms(use_true_random=False), st.booleans())
def test_columns_that_are_missing_renamed_or_of_another_type_are_named_and_others_may_stand_in_any_order(
    seed: int,
    bad: list[tuple[int, str, str | None]],
    changed: dict[str, str],
    spoilt: dict[str, str],
    chance: random.Random,
    one_more: bool,
) -> None:
    rows = good_rows(seed)
    bad = [cell for cell in bad if cell[1] not in {*changed, *spoilt}]
    for place, field, value in bad:
        rows[place][field] = value
    came, faults = with_columns(pl.DataFrame(rows, schema=TEXTS), {**changed, **spoilt})
    if one_more:
        came = came.with_columns(pl.lit("north").alias("ward"))
    came = came.select(chance.sample(came.columns, came.width))
    check(came, [], expected(rows, faults | {(place + 1, field) for place, field, _ in bad}, []))
    renamed = {RENAMES[change](name) for name, change in spoilt.items() if change in RENAMES}
    assert set(strange_columns(came)) == renamed | ({"ward"} if one_more else set())
