import os
import zipfile
from pathlib import Path

import polars as pl
import pytest

from readmit.core.encounter import NOT_RECORDED
from readmit.core.feature_spec import DIAGNOSES
from readmit.core.icd9 import icd9_category, icd9_chapter
from ui import icd9_picker
from ui.i18n import LANGUAGES, load_messages, titles

MIN_TITLED_SHARE = 0.99
"""Share of the diagnoses in the real file that have a title; most of the others are external causes."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_title_belongs_to_a_category_and_is_short(language: str) -> None:
    by_code = titles(language)
    assert list(by_code) == sorted(by_code)
    assert {code for code in by_code if icd9_category(code) != code} == set()
    assert all(0 < len(title) <= 80 for title in by_code.values())
    assert len(set(by_code.values())) == len(by_code)


def test_all_languages_have_titles_for_the_same_categories_and_chapters() -> None:
    for kind in ("icd9", "chapters"):
        assert len({tuple(titles(language, kind)) for language in LANGUAGES}) == 1


def test_each_chapter_has_a_title() -> None:
    chapters = {icd9_chapter(code) for code in (*map(str, range(1, 1000)), "V57", "E885")}
    assert chapters == set(titles("en", "chapters"))


def test_a_code_is_shown_with_its_title_and_parsed_back() -> None:
    for language in LANGUAGES:
        for code in ("428.33", "250.83", "E885"):
            assert icd9_picker.code_of(icd9_picker.describe(load_messages(language), code)) == code
    assert icd9_picker.describe(load_messages("es"), "428.33") == "428.33 · Insuficiencia cardíaca"
    assert icd9_picker.describe(load_messages("en"), "E885") == "E885"
    assert icd9_picker.chapter_of(load_messages("es"), "E885") == "Causas externas de lesiones y envenenamientos"
    assert icd9_picker.code_of("v57.1 ") == "V57.1"


def test_nearly_all_diagnoses_in_the_real_file_have_a_title() -> None:
    path = os.environ.get("READMIT_DATA", "")
    if Path(path).suffix != ".zip":
        pytest.skip("READMIT_DATA is not the UCI zip file")
    with zipfile.ZipFile(path) as archive, archive.open("diabetic_data.csv") as file:
        diagnoses = pl.read_csv(file.read(), columns=list(DIAGNOSES), infer_schema=False)
    categories = [icd9_category(code) for name in DIAGNOSES for code in diagnoses[name] if code != NOT_RECORDED]
    assert sum(category in titles("en") for category in categories) / len(categories) > MIN_TITLED_SHARE


@pytest.mark.parametrize(
    ("language", "text", "codes"),
    [
        ("es", "diabetes mellitus sin complicacion", ["250.0"]),
        ("es", "INSUFICIENCIA CARDIACA", ["428"]),
        ("es", "infarto", ["410"]),
        ("es", "infarto cerebral", ["434"]),
        ("es", "infarto agu", ["410"]),
        ("es", "neumonía viral", ["480"]),
        ("es", "neumoni\u0301a viral", ["480"]),
        ("es", "cardiop", ["411", "414", "415"]),
        ("en", "heart attack", ["410"]),
        ("en", "chf", ["428"]),
        ("en", "Alzheimers", []),
        ("en", "alzheimer", ["331"]),
        ("en", "cva", ["434", "436"]),
        ("en", "no such disease", []),
        ("en", " - ", []),
    ],
)
def test_a_search_finds_titles_and_common_names_without_case_and_accents(
    language: str, text: str, codes: list[str]
) -> None:
    found = icd9_picker.find(load_messages(language), text)
    assert set(codes) <= set(found) if text == "cardiop" else found == codes


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_title_and_every_common_name_is_found(language: str) -> None:
    messages = load_messages(language)
    names = titles(language, "synonyms")
    assert list(names) == sorted(names)
    assert set(names) <= set(titles(language))
    texts = [*titles(language).items(), *((code, name) for code, line in names.items() for name in line.split(", "))]
    assert [(code, text) for code, text in texts if code not in icd9_picker.find(messages, text.upper())] == []
    assert icd9_picker.option_label(load_messages("en"), "410.1").endswith("(heart attack, MI, AMI, STEMI, NSTEMI)")
