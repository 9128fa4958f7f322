"""What the API says in English, a Spanish reader reads in Spanish: made by the code that says it."""

import dataclasses
import re

import numpy as np
import pytest

from readmit.core import promotion_gates
from readmit.core.coverage import Coverage, FieldCoverage
from readmit.core.encounter import BY_NAME, FEATURES, Kind
from readmit.core.quarantine_reasons import ABSENT, DOUBLED, NO_NUMBER, reason_to_show
from readmit.core.request import RecordRejected, parse
from readmit.core.verdict import Interval
from ui.encounter_file import usual
from ui.i18n import words

ENGLISH = re.compile(r"\b(is|the|of|not|must|was|than|than|which|above|below|absent|number|whole|none|model)\b")
WORST: dict[str, object] = {
    "age": 70,
    "gender": True,
    "num_medications": "x",
    "race": [1],
    "diag_1": "#",
    "weight": "a" * 99,
}


def in_spanish(sentence: str) -> str:
    return words("es").said(sentence)


def assert_spanish(sentence: str) -> None:
    # What is quoted came from the user.
    said = re.sub(r"'[^']*'", "", in_spanish(sentence))
    assert said != sentence
    assert not ENGLISH.search(said), said


@pytest.mark.parametrize("name", FEATURES)
def test_a_warning_about_any_field_is_said_in_spanish(name: str) -> None:
    count = BY_NAME[name].kind is Kind.COUNT
    seen = FieldCoverage(1.0, low=2, high=3) if count else FieldCoverage(1.0, frozenset({"nothing like it"}))
    coverage = Coverage(1, {name: seen})
    for value in (None, 9 if count else "something else"):
        sentence = coverage.warning(name, value)
        assert sentence is not None
        assert_spanish(sentence)
        assert words("es").label(name) in in_spanish(sentence)


@pytest.mark.parametrize("name", FEATURES)
def test_a_fault_of_any_field_is_said_in_spanish(name: str) -> None:
    field = BY_NAME[name]
    for wrong in ("#", [1], True, {"a": 1}, 1.5, 10**9, "x" * 99, "ñ", *([None] if field.required else [])):
        with pytest.raises(RecordRejected) as raised:
            parse({**usual(), field.name: wrong})
        for fault in raised.value.faults:
            assert_spanish(fault.message)
        assert_spanish(str(raised.value))


def test_names_that_no_field_has_are_told_in_spanish() -> None:
    with pytest.raises(RecordRejected) as raised:
        parse({**usual(), **{f"stranger_{number}": 1 for number in range(30)}})
    for fault in raised.value.faults:
        assert_spanish(fault.message)


@pytest.mark.parametrize("reason", [ABSENT, DOUBLED, NO_NUMBER, "'?' (not recorded) can't stand here"])
def test_a_reason_of_the_quarantine_is_said_in_spanish(reason: str) -> None:
    assert_spanish(reason)


def test_figures_are_written_as_in_spanish_and_what_was_typed_stays_as_it_was() -> None:
    speak = words("es")
    assert speak.said("log loss 0.33765 against 0.34011, ROC-AUC +0.0082 (-0.0001 to +0.0166)") == (
        "pérdida logarítmica 0,33765 frente a 0,34011, ROC-AUC +0,0082 (\N{MINUS SIGN}0,0001 a +0,0166)"
    )
    assert "250.13" in speak.said("diag_1 250.13 is not among what the model learnt from.")


def test_a_hidden_number_is_said_in_spanish() -> None:
    assert_spanish(reason_to_show("diag_1", "'123456789' is not an ICD-9 code such as 428, 250.83, V57.1 or E885"))


def test_the_reasons_of_every_verdict_are_said_in_spanish() -> None:
    interval = Interval(0.71, 0.74)
    worse = {"log_loss": 0.4, "roc_auc": float("nan")}
    against = promotion_gates._against("within_30_days", interval, worse, {"log_loss": 0.3}, Interval(-0.1, 0.0))
    first = promotion_gates._against("within_30_days", Interval(0.4, 0.5), {"log_loss": 0.4}, {}, None)
    favour = promotion_gates._in_favour(
        {"roc_auc": 0.7, "log_loss": 0.3}, {"roc_auc": 0.69, "log_loss": 0.31}, interval, interval
    )
    provisional = promotion_gates._in_favour({"roc_auc": 0.7, "log_loss": 0.3}, {}, interval, None)
    one = promotion_gates.Predictions("2", 0.1, np.zeros(1))
    same = promotion_gates._of_the_same_model(one, one)[0][0]
    other = promotion_gates._of_the_same_model(dataclasses.replace(one, threshold=0.2), one)[1]
    for sentence in (*against, *first, favour, provisional, same, other, "the target is within_30_days again"):
        assert_spanish(sentence)
