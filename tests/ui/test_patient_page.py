"""The page of one patient, over a real inference API."""

import json

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from readmit.core.encounter import CANNOT_RETURN, FEATURES, FIELDS
from readmit.core.request import parse
from tests.api.conftest import Shelf
from tests.ui.conftest import Visit
from ui.encounter_file import as_file, usual
from ui.i18n import words
from ui.patient_page import ANSWERED, LOADED

ASK, PREDICTED = "Predict", "The answer"


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def headings(app: AppTest) -> list[str]:
    return [str(each.value) for each in app.header]


def test_the_form_that_is_left_as_it_is_gets_an_answer(visit: Visit) -> None:
    app = press(visit("patient"), ASK)
    assert not app.exception
    assert PREDICTED in headings(app)
    risk, threshold, _ = (metric.value for metric in app.metric)
    answered = app.session_state[ANSWERED].answer
    assert risk == f"{100 * answered.probability:.1f}\N{NO-BREAK SPACE}%"
    assert threshold == "14.3\N{NO-BREAK SPACE}%"


def test_the_answer_says_that_it_is_no_medical_device(visit: Visit) -> None:
    for language, label, told in (
        ("en", ASK, "not a medical device"),
        ("es", "Predecir", "no es un producto sanitario"),
    ):
        app = press(visit("patient", language), label)
        assert any(told in str(caption.value) for caption in app.caption)


def test_the_form_has_a_widget_for_every_field_that_is_no_drug(visit: Visit) -> None:
    app = visit("patient")
    drugs = {field.name for field in FIELDS if field.if_absent == "No" and len(field.choices) == 4}
    assert {name for name in FEATURES if f"field.{name}" not in app.session_state} == drugs


def test_a_drug_that_is_chosen_is_asked_for_its_level_and_sent(visit: Visit) -> None:
    app = visit("patient")
    app.multiselect(key="prescribed").select("insulin").run()
    app.segmented_control(key="field.insulin").set_value("Up").run()
    assert press(app, ASK).session_state[ANSWERED].case["insulin"] == "Up"


def test_what_is_typed_wrongly_is_said_at_once_and_not_sent(visit: Visit) -> None:
    app = visit("patient")
    app.text_input(key="field.payer_code").set_value("medicare").run()
    assert [str(error.value) for error in app.error] == ["'medicare' is not a payer's code: two capital letters"]
    assert next(button for button in app.button if button.label == ASK).disabled


def test_another_language_keeps_what_was_typed(visit: Visit) -> None:
    app = visit("patient")
    app.number_input(key="field.number_inpatient").set_value(4).run()
    app.session_state["language"] = "es"
    app.run()
    assert app.number_input(key="field.number_inpatient").value == 4
    assert app.number_input(key="field.number_inpatient").label == "Hospitalizaciones *"


def test_a_case_is_loaded_from_a_file(visit: Visit) -> None:
    app = visit("patient")
    case = {**usual(), "number_inpatient": 5, "diag_1": "250.83", "insulin": "Down"}
    app.file_uploader(key=LOADED).set_value(("case.json", as_file(case).encode(), "application/json")).run()
    assert not app.exception
    assert parse(press(app, ASK).session_state[ANSWERED].case) == parse(case)


def test_a_file_that_holds_no_case_says_why_and_changes_nothing(visit: Visit) -> None:
    app = visit("patient")
    before = app.session_state["field.age"]
    wrong = json.dumps({**usual(), "age": "old"}).encode()
    app.file_uploader(key=LOADED).set_value(("case.json", wrong, "application/json")).run()
    assert any(str(error.value).startswith("Age: 'old' is none of") for error in app.error)
    assert app.session_state["field.age"] == before


def test_what_if_asks_again_with_one_field_changed(visit: Visit) -> None:
    app = press(visit("patient"), ASK)
    app.selectbox(key="what_if.field").select("number_inpatient").run()
    app.number_input(key="what_if.value.number_inpatient").set_value(55).run()
    assert not app.exception
    assert any("higher" in str(info.value) for info in app.info)
    first, second = [metric.value for metric in app.metric if metric.label == "Risk"][1:]
    assert first != second


def test_an_answer_to_a_form_that_has_changed_since_says_so(visit: Visit) -> None:
    app = press(visit("patient"), ASK)
    app.number_input(key="field.number_inpatient").set_value(4).run()
    assert any("The form has changed since" in str(info.value) for info in app.info)


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("disposition", CANNOT_RETURN)
def test_a_stay_that_ended_in_death_or_hospice_gets_a_notice_and_no_risk(
    visit: Visit, disposition: str, language: str
) -> None:
    app = visit("patient", language)
    press(app, words(language)("patient.ask"))
    app.selectbox(key="field.discharge_disposition_id").select(disposition).run()
    assert words(language)("patient.cannot_return") in [str(info.value) for info in app.info]
    assert next(button for button in app.button if button.label == words(language)("patient.ask")).disabled
    assert not app.metric
    assert not app.get("html")
    assert not app.warning
    assert not app.error


def test_what_if_the_stay_had_ended_in_death_gets_a_notice_and_no_second_risk(visit: Visit) -> None:
    app = press(visit("patient"), ASK)
    app.selectbox(key="what_if.field").select("discharge_disposition_id").run()
    app.selectbox(key="what_if.value.discharge_disposition_id").select("11").run()
    assert words("en")("patient.cannot_return") in [str(info.value) for info in app.info]
    assert len([metric for metric in app.metric if metric.label == "Risk"]) == 1
    assert not app.exception


def test_without_a_model_the_page_says_so_and_keeps_the_form(visit: Visit, shelf: Shelf) -> None:
    shelf.alias = None
    app = visit("patient")
    app.number_input(key="field.number_inpatient").set_value(4).run()
    assert not press(app, ASK).exception
    assert app.number_input(key="field.number_inpatient").value == 4


def test_an_api_that_is_away_is_said_and_what_was_typed_is_kept(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    app = visit("patient")
    app.number_input(key="field.number_inpatient").set_value(4).run()
    monkeypatch.setenv("READMIT_API_URLS", "http://127.0.0.1:9")
    st.cache_resource.clear()
    press(app, ASK)
    assert any("There is no answer" in str(error.value) for error in app.error)
    assert app.number_input(key="field.number_inpatient").value == 4
