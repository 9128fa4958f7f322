"""Every English message of the API and the core has a Spanish translation: checked on messages of the code itself."""

import ast
import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from readmit.core.card.card_completeness import incomplete_card
from readmit.core.cleaning import rejection_reason
from readmit.core.coverage import Coverage, FieldCoverage
from readmit.core.encounter import BY_NAME, FEATURES, Kind
from readmit.core.errors import RollbackRejected
from readmit.core.production_history import rollback_target, validate_note
from readmit.core.promotion_verdict import EarlierModels, judge
from readmit.core.quarantine_reasons import DUPLICATE, INVALID_NUMBER, MISSING, redact_reason
from readmit.core.request import RecordRejected, parse
from readmit.core.verdict import Verdict
from readmit.io.card_files import load_catalogue
from tests.card_facts import NEW
from tests.core.test_strict_json import FAULTS
from tests.gates.page import REFUSES_WHEN
from tests.made_predictions import GOOD, GROUPS, LABELS, MEDIOCRE, RISK, held_out, informed, predictions, verdict
from ui.encounter_file import default_case
from ui.i18n import FOLDER, PLACEHOLDER, load_messages

ENGLISH = re.compile(r"\b(is|the|of|not|must|was|than|than|which|above|below|absent|number|whole|none|model)\b")


ROOT = Path(__file__).parents[2]
COMPOSED = re.compile(
    r" times, |\(status |is not an? [\w ICD-]+(:| such as)|^version \{version\}: |^batch \{batch\}: \{error\}"
)
"""Patterns of messages that the code composes of several texts; other tests cover most of them."""


def in_spanish(message: str) -> str:
    return load_messages("es").translate(message)


def assert_spanish(message: str) -> None:
    # Quoted text is user input.
    translation = re.sub(r"'[^']*'", "", in_spanish(message))
    assert translation != message
    assert not ENGLISH.search(translation), translation


@pytest.mark.parametrize("name", FEATURES)
def test_the_coverage_warnings_of_every_field_are_translated(name: str) -> None:
    count = BY_NAME[name].kind is Kind.COUNT
    rare: dict[str | int, int] = {2: 3, "rare": 4}
    values = frozenset({"nothing like it", "rare"})
    field_coverage = FieldCoverage(1.0, low=2, high=3, rare=rare) if count else FieldCoverage(1.0, values, rare=rare)
    coverage = Coverage(1_000, {name: field_coverage})
    for value in (None, 9 if count else "something else", 2 if count else "rare"):
        warning = coverage.warning(name, value)
        assert warning is not None
        assert_spanish(warning)
        assert load_messages("es").label(name) in in_spanish(warning)


@pytest.mark.parametrize("name", FEATURES)
def test_the_errors_of_every_field_are_translated(name: str) -> None:
    field = BY_NAME[name]
    for invalid in ("#", [1], True, {"a": 1}, 1.5, 10**9, "x" * 99, "ñ", *([None] if field.required else [])):
        with pytest.raises(RecordRejected) as raised:
            parse({**default_case(), field.name: invalid})
        for error in raised.value.errors:
            assert_spanish(error.message)
        assert_spanish(str(raised.value))


def test_the_errors_of_unknown_fields_are_translated() -> None:
    with pytest.raises(RecordRejected) as raised:
        parse({**default_case(), **{f"unknown_{number}": 1 for number in range(30)}})
    for error in raised.value.errors:
        assert_spanish(error.message)


@pytest.mark.parametrize(
    ("message", "translation"),
    [
        ("race: is required; gender: is required", "Raza: es un dato obligatorio; Sexo: es un dato obligatorio"),
        ("age: 'a; b' is not one of [0-10)", "Edad: 'a; b' no es uno de los valores permitidos: [0-10)"),
        (
            "age: is required; : 1,234 more errors of this row are not listed",
            "Edad: es un dato obligatorio; errores de esta fila que no se muestran: 1.234",
        ),
        ("no model could be loaded; see /health/ready", "no se pudo cargar ningún modelo; consulte /health/ready"),
    ],
)
def test_each_of_several_errors_is_translated(message: str, translation: str) -> None:
    assert in_spanish(message) == translation


@pytest.mark.parametrize("reason", [MISSING, DUPLICATE, INVALID_NUMBER, "'?' (not recorded) is not allowed here"])
def test_the_quarantine_reasons_are_translated(reason: str) -> None:
    assert_spanish(reason)


def test_numbers_are_formatted_in_spanish_and_user_input_stays_unchanged() -> None:
    messages = load_messages("es")
    assert messages.translate("log loss 0.33765 against 0.34011, ROC-AUC +0.0082 (-0.0001 to +0.0166)") == (
        "pérdida logarítmica 0,33765 frente a 0,34011, ROC-AUC +0,0082 (\N{MINUS SIGN}0,0001 a +0,0166)"
    )
    assert "250.13" in messages.translate("diag_1 250.13 does not occur in the training data.")


def test_the_refusal_of_an_incomplete_card_is_translated() -> None:
    reason = incomplete_card(dataclasses.replace(NEW, training=None), load_catalogue())
    assert reason is not None
    assert_spanish(reason)


def test_a_redacted_reason_is_translated() -> None:
    hint = BY_NAME["diag_1"].hint
    for value in ("'123456789'", "'x 123456789'"):
        reason = redact_reason("diag_1", f"{value} is not {hint}")
        assert_spanish(reason)
        assert "(un número de 9 dígitos)" in in_spanish(reason)


def test_the_rejection_of_a_batch_is_translated() -> None:
    faults = [("age", "'old' is not one of [0-10)", 600), ("age", "'x' is not one of [0-10)", 500)]
    faults += [("encounter_id", DUPLICATE, 7), *((name, MISSING, 15_000) for name in FEATURES[10:17])]
    faults += [(name, "'#' is not one of No", 3) for name in FEATURES[20:24]]
    reason = rejection_reason(15_000, 15_000, faults)
    assert reason is not None
    assert_spanish(f"batch 3 is not used for training: {reason}")
    assert "Edad, 1.100 veces, con mayor frecuencia (600) porque 'old'" in in_spanish(reason)


@pytest.mark.parametrize(
    "message",
    [
        "no prediction: discharge_disposition_id: not applicable: ended in death or hospice",
        "the database is unavailable; see the API log",
        "the database did not respond within 10 s",
        "too many queries are waiting for the registry",
        "the production model could not be loaded: its artifact",
        "'x' is not a version number",
        "there is no version '77'",
        "the batch could not be processed: try a smaller one",
        "the batch took longer than 60 seconds: send it in smaller parts",
        "30 more unknown fields",
        "status 502",
    ],
)
def test_the_errors_of_requests_are_translated(message: str) -> None:
    assert_spanish(message)


@pytest.mark.parametrize("fault", sorted({text for *_, text in FAULTS}))
def test_the_faults_of_json_are_translated(fault: str) -> None:
    assert_spanish(fault)
    message = in_spanish(f"record 7 is not valid JSON at line 3, column 1200: {fault}")
    assert message.startswith("el registro 7 no es JSON válido en la línea 3, columna 1200: ")
    assert message.endswith(in_spanish(fault))


@pytest.mark.parametrize(
    "message",
    [
        "the file is nested too deeply: more than 100 levels at line 2, column 17",
        "the body is not UTF-8: invalid byte at offset 9",
        "the file is not UTF-8 but UTF-16 or UTF-32: save it as UTF-8",
        "the body has trailing data after the JSON value, at line 1, column 12",
        "the body has trailing data after the JSON array, at line 1, column 12",
        "record 3 is not valid JSON, or is longer than 65,536 characters",
        "record 3 is longer than 65,536 bytes",
        "the body is not valid JSON at line 1, column 4: expected a comma or ] after record 0",
        "the body is not a JSON object: send one encounter as an object",
        "the body is not a JSON array: send the encounters as an array of objects",
        "the body is empty",
        "time_in_hospital: must be a whole number, not a number that is too large",
        "the method 'PUT' is not allowed here: use GET, HEAD, OPTIONS",
    ],
)
def test_the_other_errors_of_json_and_methods_are_translated(message: str) -> None:
    assert_spanish(message)


@pytest.mark.parametrize("name", ["by", "why"])
def test_the_errors_of_rollbacks_are_translated(name: str) -> None:
    with pytest.raises(RollbackRejected) as raised:
        validate_note(name, "")
    assert_spanish(str(raised.value))
    with pytest.raises(RollbackRejected) as raised:
        rollback_target([], None, None)
    assert_spanish(str(raised.value))


@pytest.mark.parametrize(
    "message",
    [
        "batch 3: 5 of 9 clean rows are stored; run store_clean first",
        "batch 3: version 2 is not judged yet: run promote first",
        "version 2 has no evaluation: it is not judged yet, or an older release judged it",
        "batch 3 requires all earlier batches; not uploaded yet: 1, 2",
        "not trained on this snapshot yet: lightgbm; run train first",
        "http://source:8000/batches/3: the batch is not released yet (status 425)",
        "version 3: LightGBM is not installed",
    ],
)
def test_the_errors_of_days_are_translated(message: str) -> None:
    assert_spanish(message)


@pytest.mark.parametrize(
    "message",
    [
        "it says exactly what version 2 says",
        "ROC-AUC is above 0.7 beyond doubt (from 0.712): a leak until proven otherwise",
        "log loss 0.34011 is not below 0.33765; ROC-AUC may fall by 0.0101, more than 0.005",
        "first model, and the lower bound of its ROC-AUC, 0.541, is not above 0.55",
        "log loss 0.32410 against 0.32502, ROC-AUC +0.0031 (-0.0012 to +0.0070)",
        "without a rival: there is no version 2",
        "'old' is none of [0-10), [10-20)",
        "15 is not within 1 to 14",
        "'?' (not recorded) can't stand here",
        "'a1' is not a specialty's name: letters, blanks and / & + -",
        "'abc' is not a payer's code: two capital letters",
        "batch 3 is not learnt from: 800 of 15,000 encounters quarantined (5.3%), more than 5%: no column race; "
        "encounter_id 4 times, by a value that can be no such number; age 3 times, because 'x' is none of [0-10)",
        "the batch holds no encounters",
        "batch 3 is in another run's hands: 0123abcd leaves it alone",
        "batch 3 has no raw rows yet: store_raw comes before clean",
        "batch 3: version 2 foretells any, not within_30_days; register comes before promote",
        "batch 3: version 2 is not judged yet; promote comes before signal",
        "batch 3 needs all before it; not uploaded yet: 1, 2",
        "not trained on this snapshot yet: lightgbm; train comes before register",
        "a split holds one outcome alone: nothing can be judged on it",
        "version 3: it says other than when it was fitted, by up to 0.013: our code changed since",
        "http://source:8000/batches/3: there is no such batch (status 404)",
    ],
)
def test_what_release_0_1_0_stored_is_translated(message: str) -> None:
    """Verdicts, quarantine reasons and errors of days, which stay in the databases as they were written."""
    assert_spanish(message)


WRONG = np.where(GROUPS["race"] == "Asian", GOOD / 2, GOOD)


@pytest.mark.parametrize(
    "judged",
    [
        verdict(GOOD),
        verdict(informed(0.1)),
        verdict(np.clip(RISK * 3, 0, 0.95)),
        verdict(1 - GOOD),
        verdict(np.full_like(GOOD, np.nan)),
        verdict(np.clip(0.6 * np.asarray(LABELS) + 0.4 * RISK, 0.01, 0.99)),
        verdict(GOOD, MEDIOCRE),
        verdict(informed(0.59), GOOD),
        verdict(GOOD, GOOD),
        verdict(informed(0.1), informed(0.9)),
        verdict(np.where(np.median(RISK) < RISK, 0.05, 0.3), MEDIOCRE),
        verdict(WRONG, MEDIOCRE),
        judge(held_out(), predictions(informed(0.59), batch=1), EarlierModels(predictions(GOOD, "1"), None), 1, seed=1),
        judge(held_out(), predictions(GOOD), EarlierModels(predictions(GOOD, "1", threshold=0.5), None), 1, seed=1),
        judge(held_out(reference=informed(0.9)), predictions(MEDIOCRE), EarlierModels(None, None), 1, seed=1),
    ],
    ids=lambda judged: " ".join(gate for gate, reason in judged.gates.items() if reason) or judged.reasons[0][:20],
)
def test_the_reasons_of_every_verdict_are_translated(judged: Verdict) -> None:
    for reason in judged.reasons:
        assert_spanish(reason)


def test_every_gate_refuses_in_one_of_these_tests() -> None:
    marks = test_the_reasons_of_every_verdict_are_translated.pytestmark  # type: ignore[attr-defined]  # set by pytest
    refused = {gate for judged in marks[0].args[1] for gate, reason in judged.gates.items() if reason is not None}
    assert {gate for gate in REFUSES_WHEN if not gate.startswith("best_")} <= refused


def test_the_return_of_a_target_is_translated() -> None:
    assert_spanish("the target is within_30_days again")


def test_every_pattern_matches_a_text_of_the_code_or_is_marked_as_old() -> None:
    """A reworded message would otherwise be shown in English."""
    files = [file for folder in ("api", "src/readmit", "ui") for file in (ROOT / folder).rglob("*.py")]
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text())))
    code = "\n".join(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    patterns = (FOLDER / "es.toml").read_text().partition("\n[patterns]\n")[2].partition("# written before 0.2\n")[0]
    messages = [
        english for english in re.findall(r'^"(.+)" = ', patterns, re.MULTILINE) if not COMPOSED.search(english)
    ]
    assert len(messages) > 50
    assert [english for english in messages if _longest_literal(english) not in code] == []


def _longest_literal(english: str) -> str:
    return max(PLACEHOLDER.split(english)[::2], key=len).strip(" ,:()")
