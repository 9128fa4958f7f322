"""docs/data.md agrees with the fields of an encounter, for each of the 50 columns and every id."""

import csv
import io
import os
import re
import zipfile
from pathlib import Path

import pytest

import ec2_api.layout
from readmit.core.encounter import BY_NAME, COLUMNS, DRUGS, EXCLUDED_DISPOSITIONS, FIELDS, Kind
from tools.data_dictionary import DRUG_CLASSES, page

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
TEXT = PAGE.read_text(encoding="utf-8")
TABLES = re.findall(r"(?:^\|.*\n)+", TEXT, re.MULTILINE)
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for table in TABLES for line in table.splitlines()]
BY_COLUMN = {row[1].strip("`"): row for row in ROWS if row[0].isdecimal() and len(row) > 2}
MAPPING = "IDS_mapping.csv"


def mapping_of(data: str | None) -> str | None:
    """Return the text of UCI's table of ids if it is in the same zip or folder as the data."""
    if data is None:
        return None
    if zipfile.is_zipfile(data):
        with zipfile.ZipFile(data) as archive:
            return archive.read(MAPPING).decode() if MAPPING in archive.namelist() else None
    file = Path(data).with_name(MAPPING)
    return file.read_text(encoding="utf-8") if file.is_file() else None


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def test_the_page_is_generated_from_the_fields() -> None:
    assert page() == TEXT, "docs/data.md is out of date: just ops::data-dictionary"


def test_every_column_has_one_row_with_its_number_in_ucis_file() -> None:
    numbered = [(int(row[0]), row[1].strip("`")) for row in ROWS if row[0].isdecimal() and len(row) > 2]
    assert sorted(numbered) == list(enumerate(COLUMNS, start=1))


def test_a_row_has_the_values_of_its_field_and_whether_it_is_required() -> None:
    rows = {name: row for name, row in BY_COLUMN.items() if name not in DRUGS}
    assert {name for name, row in rows.items() if row[5] == "**required**"} == {f.name for f in FIELDS if f.required}
    assert {name for name, row in rows.items() if row[4] == "allowed"} == {
        field.name for field in FIELDS if field.may_be_unrecorded
    }
    for name, row in rows.items():
        field = BY_NAME[name]
        assert row[2] == field.meaning
        if field.kind is Kind.CHOICE:
            assert [choice for choice in field.choices if f"`{choice}`" not in row[3]] == [], name
        if field.kind in (Kind.COUNT, Kind.KEY):
            assert row[3] == f"whole number, {field.low:,} to {field.high:,}"


def test_every_drug_is_listed_as_uci_spells_it_and_all_but_two_have_a_class() -> None:
    spelled = dict(zip(COLUMNS, ec2_api.layout.COLUMNS, strict=True))
    assert {name: BY_COLUMN[name][2].strip("`") for name in DRUGS} == {name: spelled[name] for name in DRUGS}
    assert [name for name in COLUMNS if name not in DRUGS and spelled[name] != name] == []
    assert {name for name in DRUGS if "unknown" in BY_COLUMN[name][3]} == {"examide", "citoglipton"}
    assert {name for names in DRUG_CLASSES.values() for name in names} < set(DRUGS)


def test_every_id_has_its_meaning_and_excluded_ids_are_marked() -> None:
    for field in (field for field in FIELDS if field.kind is Kind.ID):
        _, section = TEXT.split(f"### `{field.name}`\n")
        meanings = dict(re.findall(r"^\| (\d+) \| (.+) \|$", section.split("\n#")[0], re.MULTILINE))
        assert tuple(meanings) == field.choices
        excluded = tuple(id_ for id_, meaning in meanings.items() if meaning.endswith("**excluded**"))
        assert excluded == (EXCLUDED_DISPOSITIONS if field.name == "discharge_disposition_id" else ())


def test_the_tables_are_complete_and_every_link_within_the_page_leads_to_a_heading() -> None:
    for table in TABLES:
        assert len({line.count("|") for line in table.splitlines()}) == 1, table.splitlines()[0]
    headings = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= anchors


def test_the_page_credits_the_study_and_gives_its_five_criteria() -> None:
    beginning = TEXT.split("## What Readmit excludes")[0]
    for credit in ("B. Strack", "10.1155/2014/781670", "dataset/296", "CC BY 4.0", "130 US hospitals", "1999"):
        assert credit in beginning
    assert re.findall(r"^(\d)\. ", beginning, re.MULTILINE) == ["1", "2", "3", "4", "5"]


@pytest.mark.skipif(
    mapping_of(os.environ.get("READMIT_DATA")) is None,
    reason=f"READMIT_DATA names nothing with {MAPPING} beside it: this needs UCI's own table of ids",
)
def test_the_ids_are_those_of_ucis_own_table() -> None:
    mapping = mapping_of(os.environ["READMIT_DATA"])
    assert mapping is not None
    published: dict[str, dict[str, str]] = {}
    for cells in csv.reader(io.StringIO(mapping)):
        if len(cells) > 1 and cells[1] == "description":
            ids = published.setdefault(cells[0], {})
        elif any(cells):
            ids[cells[0]] = cells[1].strip()
    assert set(published) == {field.name for field in FIELDS if field.kind is Kind.ID}
    for name, meanings in published.items():
        ours = dict(zip(BY_NAME[name].choices, BY_NAME[name].choice_meanings, strict=True))
        assert set(ours) == set(meanings)
        # Abbreviations are written out and typing errors corrected, so not every word is the same.
        common = {
            id_: len(words_of(text) & words_of(ours[id_])) / len(words_of(text)) for id_, text in meanings.items()
        }
        assert [id_ for id_, share in common.items() if share < 0.6] == [], name
