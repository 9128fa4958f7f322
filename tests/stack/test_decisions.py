"""The decision records are complete and in the index; what they name and what any document links to exists."""

import re
from pathlib import Path

import pytest

from readmit.settings import Settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "decisions"
RECORDS = sorted(FOLDER.glob("0*.md"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").rglob("*.md")])


def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def test_the_index_lists_every_record_once_and_in_order() -> None:
    listed = re.findall(r"^\| (\d+) \| \[.+?\]\((\S+?)\) \| .+\. \|$", text_of(FOLDER / "README.md"), re.MULTILINE)
    assert [name for _, name in listed] == [record.name for record in RECORDS]
    assert [int(number) for number, _ in listed] == list(range(1, len(RECORDS) + 1))
    assert len(RECORDS) >= 17


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_record_is_short_and_has_a_decision_its_reason_and_the_originals_solution(record: Path) -> None:
    text = text_of(record)
    number = int(record.name[:4])
    assert text.startswith(f"# {number}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Decision", "Reasons", "The original's solution"]
    assert len(text.splitlines()) <= 40


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_the_files_settings_and_records_that_a_record_names_exist(record: Path) -> None:
    text = text_of(record)
    paths = re.findall(r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:py|toml))`", text)
    ours = [path for path in paths if path.split("/")[0] not in ("var", "days", "snapshots", "")]
    assert [path for path in ours if not (ROOT / path).exists()] == []
    settings = {f"READMIT_{name.upper()}" for name in Settings.model_fields}
    named = re.findall(r"READMIT_[A-Z0-9_]+", text)
    assert [name for name in named if name.removesuffix("_FILE") not in settings] == []
    numbers = {int(number) for number in re.findall(r"decision (\d+)", text)}
    assert numbers <= {int(other.name[:4]) for other in RECORDS}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.stem)
def test_every_link_within_the_repository_leads_to_a_file(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", text_of(document))
    inside = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in inside if not (document.parent / link).exists()] == []
