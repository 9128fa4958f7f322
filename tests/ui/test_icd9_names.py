import os
import zipfile
from pathlib import Path

import polars as pl
import pytest

from readmit.core.encounter import NOT_RECORDED
from readmit.core.feature_spec import DIAGNOSES
from readmit.core.icd9 import icd9_category, icd9_chapter
from ui import icd9_picker
from ui.i18n import LANGUAGES, titles, words

ENOUGH = 0.99
"""So many of the diagnoses of the real file have a title; most of the others are external causes."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_title_is_that_of_a_category_and_short(language: str) -> None:
    found = titles(language)
    assert list(found) == sorted(found)
    assert {code for code in found if icd9_category(code) != code} == set()
    assert all(0 < len(title) <= 80 for title in found.values())
    assert len(set(found.values())) == len(found)


def test_each_language_has_titles_of_the_same_categories_and_chapters() -> None:
    for kind in ("icd9", "chapters"):
        assert len({tuple(titles(language, kind)) for language in LANGUAGES}) == 1


def test_each_chapter_has_a_title() -> None:
    chapters = {icd9_chapter(code) for code in (*map(str, range(1, 1000)), "V57", "E885")}
    assert chapters == set(titles("en", "chapters"))


def test_a_code_is_shown_with_its_categorys_title_and_read_back_without() -> None:
    for language in LANGUAGES:
        for code in ("428.33", "250.83", "E885"):
            assert icd9_picker.code_of(icd9_picker.in_words(words(language), code)) == code
    assert icd9_picker.in_words(words("es"), "428.33") == "428.33 · Insuficiencia cardíaca"
    assert icd9_picker.in_words(words("en"), "E885") == "E885"
    assert icd9_picker.chapter(words("es"), "E885") == "Causas externas de lesiones y envenenamientos"
    assert icd9_picker.code_of("v57.1 ") == "V57.1"


def test_nearly_all_diagnoses_of_the_real_file_have_a_title() -> None:
    named = os.environ.get("READMIT_DATA", "")
    if Path(named).suffix != ".zip":
        pytest.skip("READMIT_DATA names no zip of UCI's: only the real file can show it")
    with zipfile.ZipFile(named) as archive, archive.open("diabetic_data.csv") as file:
        came = pl.read_csv(file.read(), columns=list(DIAGNOSES), infer_schema=False)
    categories = [icd9_category(code) for name in DIAGNOSES for code in came[name] if code != NOT_RECORDED]
    assert sum(category in titles("en") for category in categories) / len(categories) > ENOUGH
