"""docs/glossary.md has one line per term, in order, and both READMEs link to it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/glossary.md").read_text()
TABLES = [re.findall(r"^\| (.+?) \| (.+) \|$", section, re.MULTILINE)[1:] for section in TEXT.split("\n## ")[1:]]
MAX_MEANING_LENGTH = 120


def test_terms_are_unique_and_sorted_within_their_section() -> None:
    terms = [term for table in TABLES for term, _ in table]
    assert len(terms) > 40
    assert len(set(terms)) == len(terms)
    for table in TABLES:
        names = [re.sub("[`(]", "", term).lower() for term, _ in table]
        assert names == sorted(names)


def test_a_meaning_is_one_short_sentence() -> None:
    meanings = [meaning for table in TABLES for _, meaning in table]
    assert [meaning for meaning in meanings if len(meaning) > MAX_MEANING_LENGTH or not meaning.endswith(".")] == []


@pytest.mark.parametrize("readme", ["README.md", "README.es.md"])
def test_the_readme_links_to_it(readme: str) -> None:
    assert "](docs/glossary.md)" in (ROOT / readme).read_text()
