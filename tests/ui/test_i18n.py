"""The message catalogues: completeness, placeholders, and formatting by language."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from readmit.core.encounter import BY_NAME, FEATURES, FIELDS, Field, Kind
from readmit.core.model import CANDIDATES
from readmit.pipeline import STEPS
from ui.encounter_file import GROUPS
from ui.i18n import FOLDER, LANGUAGES, PLACEHOLDER, language_of, load_messages

OTHERS = [language for language in LANGUAGES if language != "en"]
SAME_IN_BOTH = {"HbA1c", "normal", "no", "miglitol", "log-odds"}
"""Terms that are spelled the same in Spanish."""
UI = Path(__file__).parents[2] / "ui"


def placeholders(text: str) -> set[str]:
    return set(PLACEHOLDER.findall(text))


def terms() -> set[str]:
    fields = [field for field in FIELDS if field.name in FEATURES]
    return {text for field in fields for text in (field.label, *field.choice_meanings)} | {
        group.value for group in GROUPS
    }


@pytest.mark.parametrize("language", OTHERS)
def test_each_language_has_the_same_keys_with_the_same_placeholders(language: str) -> None:
    english, other = load_messages("en").texts, load_messages(language).texts
    assert english.keys() == other.keys()
    assert {key for key in english if placeholders(english[key]) != placeholders(other[key])} == set()


@pytest.mark.parametrize("language", OTHERS)
def test_each_language_translates_every_field_group_and_choice(language: str) -> None:
    messages = load_messages(language)
    assert {text for text in terms() if messages.term(text) == text} <= SAME_IN_BOTH


def test_every_field_has_a_label() -> None:
    assert [field.name for field in FIELDS if not field.label] == []


def test_every_text_is_used_and_every_key_in_use_has_a_text() -> None:
    used = {key for file in UI.glob("*.py") for key in _keys(file)}
    keys = set(load_messages("en").texts)
    assert {key for key in keys if not any(re.fullmatch(pattern, key) for pattern in used)} == set()
    assert {pattern for pattern in used if not any(re.fullmatch(pattern, key) for key in keys)} == set()


def _keys(file: Path) -> set[str]:
    """Return the catalogue keys in the code as patterns: the dynamic parts of a key match anything."""
    patterns = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = re.escape(node.value)
        elif isinstance(node, ast.JoinedStr):
            parts = (re.escape(part.value) if isinstance(part, ast.Constant) else r"[\w-]+" for part in node.values)
            text = "".join(parts)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "lookup":
            text = rf"{node.args[0].value}\.[\w-]+" if isinstance(node.args[0], ast.Constant) else ""
        else:
            continue
        families = "|".join(dict.fromkeys(key.partition(".")[0] for key in load_messages("en").texts))
        if re.match(rf"({families})\\?\.", text) and not text.endswith(("_", r"\.")):
            patterns.add(text)
    return patterns


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_claims_what_the_figures_do_not_support(language: str) -> None:
    """A prediction is no decision on care, a contribution no cause, and more input no better answer."""
    claims = re.compile(
        r"no follow-up|plan a follow-up|(raises?|lowers?) the risk|the risk would|improves? the prediction"
        r"|less reliable|can(not|'t) be readmitted|no requiere|programe|(aumenta|reduce) el riesgo"
        r"|el riesgo sería|mejoran? la predicción|menos confiable|no pueden? reingresar",
        re.IGNORECASE,
    )
    assert {key: text for key, text in load_messages(language).texts.items() if claims.search(text)} == {}


def test_all_steps_and_candidates_have_names() -> None:
    texts = load_messages("en").texts
    assert {key for key in texts if key.startswith("step.")} == {f"step.{step.name}" for step in STEPS}
    assert {key for key in texts if key.startswith("candidate.")} == {
        f"candidate.{candidate.name}" for candidate in CANDIDATES
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translated_pattern_has_a_placeholder_that_its_english_lacks(language: str) -> None:
    patterns = tomllib.loads((FOLDER / f"{language}.toml").read_text())["patterns"]
    assert {english for english, text in patterns.items() if placeholders(text) - placeholders(english)} == set()


def test_numbers_are_formatted_by_language() -> None:
    assert load_messages("en").number(1234.5, 1) == "1,234.5"
    assert load_messages("es").number(1234.5, 1) == "1.234,5"
    assert load_messages("es").percent(-0.052) == "\N{MINUS SIGN}5,2\N{NO-BREAK SPACE}%"


def test_spanish_has_a_decimal_point_where_the_unicode_cldr_has_one() -> None:
    """The table is that of `Intl.NumberFormat`, which uses the CLDR, in Node.js for 1234567.5."""
    point = ["MX", "PE", "GT", "SV", "HN", "NI", "PA", "DO", "PR", "US", "CU", "BZ", "BR", "419"]
    comma = ["ES", "CR", "AR", "BO", "CL", "CO", "EC", "PY", "UY", "VE", "GQ", "PH"]
    for regions, text in ((point, "1,234,567.5"), (comma, "1.234.567,5")):
        for region in regions:
            for locale in (f"es-{region}", f"es_{region.lower()}", f"es-Latn-{region}", f"es-{region}-u-nu-latn"):
                assert load_messages("es", locale).number(1234567.5, 1) == text, locale
    assert load_messages("es", "en-PE").percent(0.052) == "5.2\N{NO-BREAK SPACE}%"
    assert load_messages("es", "es-PE").translate("batch: 1.5 is not between 2.5 and 3.5").count(",") == 0
    for locale in ("es", "", None, "es-419x", "x" * 10_000):
        assert load_messages("es", locale).number(1234.5, 1) == "1.234,5"
    assert load_messages("en", "es-AR").number(1234.5, 1) == "1,234.5"


@pytest.mark.parametrize(
    ("locale", "language"), [("es-PE", "es"), ("es", "es"), ("EN-us", "en"), ("fr-FR", "en"), (None, "en"), ("", "en")]
)
def test_the_language_of_the_browser_is_used_if_supported(locale: str | None, language: str) -> None:
    assert language_of(locale) == language


def test_a_field_without_a_label_is_shown_by_its_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new feature appears on the form without a translation."""
    new = Field("bmi", Kind.COUNT, GROUPS[0], "body mass index, whole")
    monkeypatch.setitem(BY_NAME, "bmi", new)
    assert load_messages("es").label("bmi") == "body mass index, whole"
