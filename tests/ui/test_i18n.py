"""The catalogues: each language says all that the others say."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from readmit.core.encounter import BY_NAME, FEATURES, FIELDS, Field, Kind
from readmit.core.model import CANDIDATES
from readmit.pipeline import STEPS
from ui.encounter_file import GROUPS
from ui.i18n import FOLDER, GAP, LANGUAGES, language_of, words

OTHERS = [language for language in LANGUAGES if language != "en"]
SAME_IN_BOTH = {"HbA1c", "normal", "no", "miglitol", "log-odds"}
"""Terms that Spanish has from the same root, letter by letter."""
UI = Path(__file__).parents[2] / "ui"


def gaps(text: str) -> set[str]:
    return set(GAP.findall(text))


def terms() -> set[str]:
    fields = [field for field in FIELDS if field.name in FEATURES]
    return {text for field in fields for text in (field.label, *field.words)} | {group.value for group in GROUPS}


@pytest.mark.parametrize("language", OTHERS)
def test_each_language_has_the_same_keys_with_the_same_gaps(language: str) -> None:
    english, other = words("en").texts, words(language).texts
    assert english.keys() == other.keys()
    assert {key for key in english if gaps(english[key]) != gaps(other[key])} == set()


@pytest.mark.parametrize("language", OTHERS)
def test_each_language_has_a_word_for_every_field_group_and_choice(language: str) -> None:
    spoken = words(language)
    assert {text for text in terms() if spoken.term(text) == text} <= SAME_IN_BOTH


def test_each_field_says_what_a_form_calls_it() -> None:
    assert [field.name for field in FIELDS if not field.label] == []


def test_every_text_is_used_and_every_key_that_is_asked_for_has_one() -> None:
    asked = {key for file in UI.glob("*.py") for key in _keys(file)}
    known = set(words("en").texts)
    assert {key for key in known if not any(re.fullmatch(each, key) for each in asked)} == set()
    assert {each for each in asked if not any(re.fullmatch(each, key) for key in known)} == set()


def _keys(file: Path) -> set[str]:
    """Keys of the catalogue in the code, as patterns: what is filled in when it runs matches anything."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = re.escape(node.value)
        elif isinstance(node, ast.JoinedStr):
            parts = (re.escape(each.value) if isinstance(each, ast.Constant) else r"[\w-]+" for each in node.values)
            text = "".join(parts)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "of":
            text = rf"{node.args[0].value}\.[\w-]+" if isinstance(node.args[0], ast.Constant) else ""
        else:
            continue
        families = "|".join(dict.fromkeys(key.partition(".")[0] for key in words("en").texts))
        if re.match(rf"({families})\\?\.", text) and not text.endswith(("_", r"\.")):
            found.add(text)
    return found


def test_the_steps_and_candidates_have_names() -> None:
    texts = words("en").texts
    assert {key for key in texts if key.startswith("step.")} == {f"step.{step.name}" for step in STEPS}
    assert {key for key in texts if key.startswith("candidate.")} == {f"candidate.{each.name}" for each in CANDIDATES}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_form_has_a_gap_that_its_english_lacks(language: str) -> None:
    said = tomllib.loads((FOLDER / f"{language}.toml").read_text())["said"]
    assert {english for english, text in said.items() if gaps(text) - gaps(english)} == set()


def test_numbers_are_written_as_the_language_writes_them() -> None:
    assert words("en").number(1234.5, 1) == "1,234.5"
    assert words("es").number(1234.5, 1) == "1.234,5"
    assert words("es").percent(-0.052) == "\N{MINUS SIGN}5,2\N{NO-BREAK SPACE}%"


@pytest.mark.parametrize(
    ("locale", "language"), [("es-PE", "es"), ("es", "es"), ("EN-us", "en"), ("fr-FR", "en"), (None, "en"), ("", "en")]
)
def test_the_browsers_language_is_spoken_where_there_is_one(locale: str | None, language: str) -> None:
    assert language_of(locale) == language


def test_a_field_that_nobody_has_translated_yet_is_called_by_its_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a new feature is on the form at once."""
    new = Field("bmi", Kind.COUNT, GROUPS[0], "body mass index, whole")
    monkeypatch.setitem(BY_NAME, "bmi", new)
    assert words("es").label("bmi") == "body mass index, whole"
